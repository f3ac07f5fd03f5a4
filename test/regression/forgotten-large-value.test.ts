// After a start, the file of a large value that a flush or its expiry had removed stayed until the next write: the first
// commit was needed to mark what was durable already. (Simulated clock jumps, seed 20261785.)

import { live } from '../sim/machine-life.js';
import { drawLife } from '../sim/swarm.js';

describe('A large value that is dead at the start', () => {
  it('loses its file without a write', async () => {
    const drawn = drawLife(1);
    // live() counts files and items again at its end.
    await live({
      ...drawn,
      engine: {
        ...drawn.engine,
        segmentBytesMax: 65_536,
        cacheBytesMax: 1000,
        snapshot: 'never',
        keysMax: 0,
      },
      mayVanish: false,
      stages: [
        {
          commands: [
            { do: 'large', key: 'k5', bytes: 1_300_000, flags: 1, ttlMs: 0 },
            { do: 'flush', delayMs: 500 },
          ],
          faults: [],
          end: { kind: 'random', seed: 2_748_348_697, hostile: true },
        },
        { commands: [], faults: [], end: { kind: 'lost' } },
      ],
    });
  });
});
