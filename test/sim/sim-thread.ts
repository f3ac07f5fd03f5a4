// The contract between the parts of a simulated process (file system, clock, threads) and the world around them, which
// SimWorld and SimProcess keep.

import type { Env, File } from '../../src/env/env.js';
import type { SeededRandom } from '../../tools/torture/seeded-random.js';
import type { FaultPlan, OperationKind } from './fault-plan.js';
import type { Event, Scheduler } from './scheduler.js';
import type { SimDisk } from './sim-disk.js';

/** An instant at which a crash differs from a crash before: something began or ended. */
export interface Observation {
  readonly kind: OperationKind;
  readonly path: string;
  readonly phase: 'started' | 'finished';
}

export interface Boot {
  isAlive: boolean;
}

/** The machine: everything that outlives a process. */
export interface SimMachine {
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  readonly locks: Map<string, Boot>;
  readonly disk: SimDisk;
  readonly faults: FaultPlan;
  /** The number of operations that started so far. */
  operations: number;
  /** The number of temporary names given out. */
  uniqueNames: number;
  wallOffsetMs: number;
  /** Called at each instant at which a crash is worth trying. */
  readonly observe: ((observation: Observation) => void) | undefined;
  crash(): void;
  latencyMs(kind: OperationKind): number;
  shortOf(bytes: number): number;
}

/** A process, or one of its threads. */
export interface SimThread extends Env {
  readonly world: SimMachine;
  readonly boot: Boot;
  readonly openFiles: Set<File>;
  readonly isAlive: boolean;
  later(delayMs: number, call: () => void): Event;
  thread(): SimThread;
}
