// --memcached-limits over the real engine: it bounds the store where -m of memcached does.

import { expect } from 'chai';

import { startDurableServer } from '../../support/durable-server.js';
import { TestClient } from '../../support/test-server.js';

const VALUE = 'v'.repeat(1_000_000);
const SET = `0 0 ${VALUE.length}\r\n${VALUE}\r\n`;

/** Sets 20 values of 1 MB; returns how many are still there, and the reply to the last set. */
async function kept(argv: readonly string[], first: string): Promise<[number, string]> {
  const server = await startDurableServer(argv);
  const client = await TestClient.open(server.port);
  try {
    client.send(first);
    await client.until('OK\r\n');
    let reply = '';
    for (let n = 0; n < 20; n++) {
      client.send(`set k${n} ${SET}`);
      reply = await client.until('\r\n');
    }
    const keys = Array.from({ length: 20 }, (_, n) => `mg k${n}\r\n`).join('');
    client.send(`${keys}mn\r\n`);
    const found = (await client.until('MN\r\n')).match(/HD/g) ?? [];
    return [found.length, reply];
  } finally {
    client.socket.destroy();
    await server.stop();
  }
}

describe('--memcached-limits @long', () => {
  it('evicts items above -m, and -m alone evicts none', async () => {
    const [bounded, reply] = await kept(['--memcached-limits', '-m', '8'], 'verbosity 0\r\n');
    expect(reply).to.equal('STORED\r\n');
    expect(bounded).to.be.within(4, 8);
    expect(await kept(['-m', '8'], 'verbosity 0\r\n')).to.deep.equal([20, 'STORED\r\n']);
  }).timeout(60_000);

  it('refuses writes above -m with -M', async () => {
    const [found, reply] = await kept(['--memcached-limits', '-m', '8', '-M'], 'verbosity 0\r\n');
    expect(reply).to.equal('SERVER_ERROR out of memory storing object\r\n');
    expect(found).to.be.within(4, 8);
  }).timeout(60_000);

  it('lets cache_memlimit raise and lower the bound', async () => {
    const [more] = await kept(['--memcached-limits', '-m', '8'], 'cache_memlimit 16\r\n');
    expect(more).to.be.within(12, 16);
    const [less] = await kept(['--memcached-limits', '-m', '64'], 'cache_memlimit 8\r\n');
    expect(less).to.be.within(4, 8);
  }).timeout(60_000);
});
