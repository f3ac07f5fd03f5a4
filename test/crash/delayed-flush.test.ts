// A server with a delayed flush is killed before or after the flush came due, with no time to carry it out or with enough.
// After the next start each key that it was to remove is a miss, and each later key is there.

import { setTimeout } from 'node:timers/promises';

import { expect } from 'chai';

import { ServerProcess } from '../../tools/torture/server-process.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { cairnLaunch, temporaryFolder } from '../support/servers.js';
import { removeFolder } from '../support/remove-folder.js';

const KEYS = 50;
/** Much longer than a hundred sets and reads take on a busy machine. */
const DELAY_MS = 3000;
const VALUE = 'v'.repeat(2000);

async function setAll(client: WireClient, prefix: string): Promise<void> {
  const replies = Array.from({ length: KEYS }, (_, n) =>
    client.line(`set ${prefix}${n} 0 0 ${VALUE.length}\r\n${VALUE}\r\n`),
  );
  expect(new Set(await Promise.all(replies))).to.deep.equal(new Set(['STORED']));
}

async function found(client: WireClient, prefix: string): Promise<number> {
  const replies = Array.from({ length: KEYS }, (_, n) => client.meta(`mg ${prefix}${n}\r\n`));
  return (await Promise.all(replies)).filter((reply) => reply === 'HD').length;
}

const dueIn = (dueMs: number, ms: number): Promise<void> =>
  setTimeout(Math.max(0, dueMs + ms - Date.now()));

/** When the kill and the next start come, in ms from the time when the flush is due. */
const CASES: readonly (readonly [string, number, number])[] = [
  ['before it is due, and started after', -500, 300],
  ['at the very time', 0, 0],
  ['a moment after, before another write', 30, 30],
  ['before it is due, and started before', -800, -300],
];

describe('A server with a delayed flush that is killed @long', function () {
  this.timeout(60_000);

  for (const [when, killAfterMs, startAfterMs] of CASES) {
    it(`${when}: flushed keys are misses and later keys are there, also after more kills`, async () => {
      const dir = temporaryFolder();
      const server = await ServerProcess.start(cairnLaunch(dir));
      try {
        let client = await WireClient.connect(server.port);
        await setAll(client, 'old');
        expect(await client.line(`flush_all ${DELAY_MS / 1000}\r\n`)).to.equal('OK');
        const dueMs = Date.now() + DELAY_MS;
        await setAll(client, 'between');
        expect(await found(client, 'between')).to.equal(KEYS);
        await dueIn(dueMs, killAfterMs);
        await server.kill();
        await dueIn(dueMs, startAfterMs);
        await server.restart();
        client = await WireClient.connect(server.port);
        await dueIn(dueMs, 50);
        await setAll(client, 'new');
        // The first pause leaves time only to acknowledge, the second one leaves more.
        for (const pauseMs of [0, 1500]) {
          await setTimeout(pauseMs);
          await server.kill();
          await server.restart();
          client = await WireClient.connect(server.port);
          const counts = [];
          for (const prefix of ['old', 'between', 'new']) counts.push(await found(client, prefix));
          expect(counts).to.deep.equal([0, 0, KEYS]);
        }
        client.close();
      } finally {
        await server.kill();
        removeFolder(dir);
      }
    });
  }

  it('carries out very many delayed flushes that came due while it was down in one start, and keeps later keys', async () => {
    const dir = temporaryFolder();
    const server = await ServerProcess.start(cairnLaunch(dir));
    try {
      let client = await WireClient.connect(server.port);
      await setAll(client, 'old');
      for (let round = 0; round < 40; round += 1) {
        const replies = Array.from({ length: 50 }, () => client.line('flush_all 2\r\n'));
        await Promise.all(replies);
        await setTimeout(2);
      }
      await server.kill();
      await setTimeout(2500);
      await server.restart();
      client = await WireClient.connect(server.port);
      expect(await found(client, 'old')).to.equal(0);
      await setAll(client, 'new');
      await server.kill();
      await server.restart();
      client = await WireClient.connect(server.port);
      expect(await found(client, 'new')).to.equal(KEYS);
      client.close();
    } finally {
      await server.kill();
      removeFolder(dir);
    }
  });
});
