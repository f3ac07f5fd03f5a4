// `watch evictions` over the real engine: each item that goes because the store is full is told.

import { once } from 'node:events';

import { expect } from 'chai';

import { startDurableServer } from '../../support/durable-server.js';
import { TestClient } from '../../support/test-server.js';

describe('watch evictions', () => {
  it('names the item that went, and whether anybody had read it', async () => {
    const server = await startDurableServer(['--max-keys', '2']);
    const watcher = await TestClient.open(server.port);
    const client = await TestClient.open(server.port);
    try {
      expect(await watcher.ask('watch evictions\r\n', 'OK\r\n')).to.equal('OK\r\n');
      const set = (key: string): Promise<string> =>
        client.ask(`set ${key} 0 0 1\r\nx\r\n`, 'STORED\r\n');
      await set('a%');
      const hit = 'VALUE a% 0 1\r\nx\r\nEND\r\n';
      expect(await client.ask('get a%\r\n', hit)).to.equal(hit);
      for (const key of ['b', 'c', 'd']) expect(await set(key)).to.equal('STORED\r\n');
      expect(await watcher.until('\n')).to.match(
        /^ts=\S+ gid=\d+ type=eviction key=a%25 fetch=yes ttl=-1 la=\d+ clsid=1 size=\d+\r\n$/,
      );
      expect(await watcher.until('\n')).to.match(
        / type=eviction key=b fetch=no ttl=-1 la=\d+ clsid=1 size=\d+\r\n$/,
      );
    } finally {
      watcher.socket.destroy();
      client.socket.destroy();
      await server.stop();
    }
  });

  it('twenty may watch, and the next when one of them leaves', async () => {
    const server = await startDurableServer([]);
    const watchers: TestClient[] = [];
    const tooMany = 'WATCHER_TOO_MANY log watcher limit reached\r\n';
    try {
      for (let n = 0; n < 20; n++) {
        watchers.push(await TestClient.open(server.port));
        expect(await watchers[n]!.ask('watch\r\n', 'OK\r\n')).to.equal('OK\r\n');
      }
      const next = await TestClient.open(server.port);
      watchers.push(next);
      expect(await next.ask('watch\r\n', tooMany)).to.equal(tooMany);
      const left = once(watchers[0]!.socket, 'close');
      watchers[0]!.socket.end();
      await left;
      expect(await next.ask('watch\r\n', 'OK\r\n')).to.equal('OK\r\n');
    } finally {
      for (const { socket } of watchers) socket.destroy();
      await server.stop();
    }
  });

  it('ma with q: also a counter that it creates is silent', async () => {
    const server = await startDurableServer([]);
    const client = await TestClient.open(server.port);
    try {
      const replies = 'MN\r\nVA 1\r\n7\r\n';
      const asked = client.ask('ma k2 N0 J5 q k\r\nma k2 N0 q k\r\nmn\r\nma k2 v\r\n', replies);
      expect(await asked).to.equal(replies);
    } finally {
      client.socket.destroy();
      await server.stop();
    }
  });
});
