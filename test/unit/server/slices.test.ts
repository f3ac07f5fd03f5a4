import { expect } from 'chai';

import { Slices } from '../../../src/server/slices.js';
import { serversOf } from '../../support/test-server-hooks.js';

describe('Slices', () => {
  it('runs a fixed number of calls per turn, and the rest in the next turns, in order', async () => {
    const turns: (() => void)[] = [];
    const slices = new Slices((call) => turns.push(call));
    const done: number[] = [];
    for (let n = 0; n < 20; n++) {
      const turn = slices.enter();
      if (turn === undefined) done.push(n);
      else void turn.then(() => done.push(n));
    }
    const counts = [done.length];
    while (turns.length > 0) {
      turns.shift()!();
      await Promise.resolve();
      counts.push(done.length);
    }
    expect(counts).to.deep.equal([8, 16, 20, 20]);
    expect(done).to.deep.equal([...done].toSorted((a, b) => a - b));
    expect(slices.enter(), 'a new turn').to.equal(undefined);
  });

  const start = serversOf();

  it('cuts a thousand pipelined `stats` into turns in which others are served', async () => {
    const { connect } = await start();
    const [greedy, other] = [await connect(), await connect()];
    const seen = { ended: 0 };
    greedy.socket.on('data', (text: string) => (seen.ended += text.split('END\r\n').length - 1));
    greedy.send('stats\r\n'.repeat(1000));
    while (seen.ended === 0) await new Promise(setImmediate);
    await other.ask('get a\r\n', 'END\r\n');
    expect(seen.ended).to.be.lessThan(900);
    while (seen.ended < 1000) await new Promise(setImmediate);
  });
});
