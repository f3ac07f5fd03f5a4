// Every crash of short scripts: at each instant, at each byte of what was being written, in each style,
// and again during the recovery. `npm run sim` explores more.

import { expect } from 'chai';

import { exploreCrashes, type Explored } from './crash-explorer.js';
import { SeededRandom } from './seeded-random.js';
import { drawCommands, drawShape, type Command } from './workload.js';

const ENGINE = { segmentBytesMax: 4096, cacheBytesMax: 0 };
const DURABLE: Command = { do: 'durable' };

function set(key: string, bytes: number): Command {
  return { do: 'set', key, bytes, flags: 7, ttlMs: 0 };
}

function report(seed: number, { states, distinct, instants }: Explored): void {
  console.log(
    `      seed ${seed}: ${states} crash states, ${distinct} distinct, at ${instants} instants`,
  );
}

describe('Crash at every instant', () => {
  it('a few batches, every byte', async function () {
    this.timeout(60_000);
    const commands: Command[] = [
      set('a', 20),
      set('b', 30),
      DURABLE,
      set('a', 40),
      { do: 'delete', key: 'b' },
      { do: 'incr', key: 'n', delta: 5n },
      DURABLE,
      { do: 'flush', delayMs: 0 },
      set('c', 10),
    ];
    const explored = await exploreCrashes({
      seed: 1,
      engine: ENGINE,
      commands,
      randomImages: 4,
      byteStep: 1,
      secondCrashes: 0.02,
    });
    report(1, explored);
    expect(explored.distinct).to.be.greaterThan(300);
  });

  it('rotation of segments, with a second crash at every instant of the recovery', async function () {
    this.timeout(60_000);
    const commands = [700, 900, 900, 900, 900, 900].flatMap((bytes, at) => [
      set(`k${at % 4}`, bytes),
      DURABLE,
    ]);
    const explored = await exploreCrashes({
      seed: 2,
      engine: ENGINE,
      commands,
      randomImages: 4,
      byteStep: 512,
      secondCrashes: 0.3,
    });
    report(2, explored);
    expect(explored.distinct).to.be.greaterThan(300);
  });

  it('random scripts', async function () {
    this.timeout(60_000);
    for (const seed of [3, 4, 5]) {
      const random = new SeededRandom(seed);
      const commands = drawCommands(random, drawShape(random), 25);

      const explored = await exploreCrashes({
        seed,
        engine: ENGINE,
        commands,
        randomImages: 3,
        byteStep: 1000,
        secondCrashes: 0.01,
      });
      report(seed, explored);
    }
  });
});
