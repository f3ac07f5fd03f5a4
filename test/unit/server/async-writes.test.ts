// `Pasync`: the only write whose reply does not wait for the disk.

import { expect } from 'chai';

import { serversOf } from '../../support/test-server-hooks.js';

describe('Pasync', () => {
  const start = serversOf();

  it('is answered before the sync, and other tokens of P wait for the sync', async () => {
    const { connect, store } = await start({ held: true });
    const client = await connect();
    const early = await client.ask('ms k 1 Pasync\r\nx\r\n', 'HD\r\n');
    expect([early, store.durability.watermark, store.durability.lastSeq]).to.deep.equal([
      'HD\r\n',
      0,
      1,
    ]);
    client.send('ms k 1 Pelse\r\ny\r\n');
    while (store.durability.lastSeq < 2) await new Promise((resolve) => setImmediate(resolve));
    // After another connection's round trip, a reply that did not wait would have come.
    await (await connect()).ask('version\r\n', 'VERSION 1.6.45\r\n');
    expect(client.received).to.equal('');
    store.commits.release();
    expect(await client.take(4)).to.equal('HD\r\n');
  });
});
