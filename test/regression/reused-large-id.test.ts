// An item with a large value had expired, its file was removed, and the server started again. The dead item was still in the
// keydir, and the next large value got the same id. When it had the same key, replacing the dead item removed the new file:
// an acknowledged value was lost, and the start after that was refused.

import { live } from '../sim/machine-life.js';
import { drawLife } from '../sim/swarm.js';

const BYTES = 1_300_000;

describe('A large value in the place of one that had expired before the start', () => {
  it('keeps its file', async () => {
    const large = { do: 'large', key: 'k5', bytes: BYTES, flags: 1 } as const;
    const drawn = drawLife(1);
    await live({
      ...drawn,
      engine: {
        ...drawn.engine,
        segmentBytesMax: 65_536,
        cacheBytesMax: 0,
        snapshot: 'never',
        keysMax: 0,
      },
      mayVanish: false,
      stages: [
        {
          commands: [{ ...large, ttlMs: 300 }, { do: 'durable' }, { do: 'sleep', ms: 5000 }],
          faults: [],
          end: 'kill',
        },
        { commands: [{ ...large, ttlMs: 0 }, { do: 'durable' }], faults: [], end: 'kill' },
      ],
    });
  });
});
