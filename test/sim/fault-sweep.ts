// The N-th operation fails, once or for ever, for N = 1, 2, 3… until a run ends before its fault: by then every single
// operation of a script has failed. Each run is followed by a restart in the same boot and by one after a power loss, each
// with its checks.

import { live, type Life } from './machine-life.js';
import type { FaultCode, OperationKind } from './fault-plan.js';
import type { EngineOptions } from './engine.js';
import type { Command } from './workload.js';

interface Sweep {
  readonly seed: number;
  readonly engine: EngineOptions;
  readonly commands: readonly Command[];
  readonly code: FaultCode;
  readonly forever: boolean;
  /** Only operations of these kinds are counted; all kinds when it is missing. */
  readonly kinds?: readonly OperationKind[];
  /** One of `step` operations fails. */
  readonly step?: number;
}

/** Everything that the engine does to the disk, in few operations. */
export const EVERYTHING: readonly Command[] = [
  { do: 'set', key: 'a', bytes: 900, flags: 1, ttlMs: 0 },
  { do: 'set', key: 'b', bytes: 900, flags: 1, ttlMs: 300 },
  { do: 'durable' },
  { do: 'large', key: 'l', bytes: 1_048_577, flags: 1, ttlMs: 0 },
  { do: 'set', key: 'c', bytes: 900, flags: 1, ttlMs: 0 },
  { do: 'durable' },
  { do: 'get', key: 'a' },
  { do: 'append', key: 'a', bytes: 300, flags: 0, ttlMs: 0 },
  { do: 'delete', key: 'c' },
  { do: 'set', key: 'd', bytes: 900, flags: 1, ttlMs: 0 },
  { do: 'durable' },
  { do: 'sleep', ms: 1500 },
  { do: 'compact' },
  { do: 'snapshot' },
  { do: 'get', key: 'l' },
  { do: 'get', key: 'd' },
  { do: 'set', key: 'l', bytes: 9, flags: 1, ttlMs: 0 },
  { do: 'flush', delayMs: 0 },
];
/** Returns how many operations failed. Throws a Violation that names the operation. */
export async function sweepFaults(sweep: Sweep): Promise<number> {
  const { seed, engine, commands, code, forever, kinds, step = 1 } = sweep;
  let tried = 0;
  for (let at = 1; ; at += step) {
    const effect = { kind: 'error', code, forever } as const;
    const fault = { at, effect, ...(kinds === undefined ? {} : { kinds }) };
    const life: Life = {
      seed,
      engine,
      mayVanish: false,
      stages: [
        { commands, faults: [fault], end: 'kill' },
        { commands: commands.slice(0, 5), faults: [], end: { kind: 'lost' } },
      ],
    };
    try {
      const { faults } = await live(life);
      if (faults === 0) return tried;
    } catch (error) {
      if (error instanceof Error)
        error.message += ` (operation ${at}, ${code}${forever ? ' for ever' : ''})`;
      throw error;
    }
    tried++;
  }
}
