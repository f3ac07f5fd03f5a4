// The store against a plain model, as a property: any commands with restarts between them agree, and a failure is shrunk
// to the shortest one. The model is History; the checks are those of the client and of the recovery.

import * as fc from 'fast-check';

import { live, type Stage } from './machine-life.js';
import type { Command } from './workload.js';

const key = fc.constantFrom('a', 'b', 'c');
const bytes = fc.constantFrom(0, 1, 20, 300, 3000);
const ttlMs = fc.constantFrom(0, 50, 60_000);

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    do: fc.constantFrom('set', 'add', 'replace', 'append', 'prepend'),
    key,
    bytes,
    flags: fc.nat(),
    ttlMs,
  }),
  fc.record({ do: fc.constant('cas'), key, bytes, right: fc.boolean() }),
  fc.record({ do: fc.constantFrom('incr', 'decr'), key, delta: fc.bigInt(0n, 2n ** 64n - 1n) }),
  fc.record({ do: fc.constantFrom('get', 'win'), key }),
  fc.record({ do: fc.constantFrom('gat', 'touch'), key, ttlMs }) as fc.Arbitrary<Command>,
  fc.record({ do: fc.constantFrom('delete', 'invalidate'), key }),
  fc.record({ do: fc.constant('flush'), delayMs: fc.constantFrom(0, 100) }),
  fc.record({ do: fc.constant('deletePrefix'), prefix: fc.constantFrom('a', 'b', 'k') }),
  fc.record({ do: fc.constantFrom('durable', 'compact', 'snapshot') }),
  fc.record({ do: fc.constant('sleep'), ms: fc.constantFrom(1, 60, 2000) }),
);

const stage: fc.Arbitrary<Stage> = fc.record({
  commands: fc.array(command, { maxLength: 30 }),
  faults: fc.constant([]),
  end: fc.oneof(
    fc.constantFrom<Stage['end']>('close', 'kill', { kind: 'lost' }, { kind: 'kept' }),
    fc.record({ kind: fc.constant('random' as const), seed: fc.nat(), hostile: fc.boolean() }),
  ),
});

describe('Store against a model, with restarts', () => {
  it('agrees after any commands and ends', async function () {
    this.timeout(60_000);
    const seed = Date.now() % 2 ** 31;
    console.log(`      seed ${seed}`);
    const engine = { segmentBytesMax: 4096, cacheBytesMax: 500, compactMinBytes: 1000 };
    await fc.assert(
      fc.asyncProperty(fc.array(stage, { minLength: 1, maxLength: 3 }), async (stages) => {
        await live({ seed: 1, engine, stages, mayVanish: false });
      }),
      { seed, numRuns: 60 },
    );
  });
});
