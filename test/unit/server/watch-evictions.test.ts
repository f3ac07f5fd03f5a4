// `watch evictions` over the real engine: it names each item that is evicted because the store is full.

import { once } from 'node:events';

import { expect } from 'chai';

import { startDurableServer } from '../../support/durable-server.js';
import { TestClient } from '../../support/test-server.js';

describe('watch evictions @long', () => {
  it('names the evicted item, and says whether a client had read it', async () => {
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
        /^ts=\S+ gid=\d+ type=eviction key=a%25 fetch=yes ttl=-1 la=\d+ clsid=1 size=\d+\n$/,
      );
      expect(await watcher.until('\n')).to.match(
        / type=eviction key=b fetch=no ttl=-1 la=\d+ clsid=1 size=\d+\n$/,
      );
    } finally {
      watcher.socket.destroy();
      client.socket.destroy();
      await server.stop();
    }
  });

  it('allows twenty watchers, and the next one when one of them leaves', async () => {
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

  it('reports to a slow watcher how many events it missed', async () => {
    const server = await startDurableServer([]);
    const watcher = await TestClient.open(server.port);
    const client = await TestClient.open(server.port);
    try {
      expect(await watcher.ask('watch mutations\r\n', 'OK\r\n')).to.equal('OK\r\n');
      watcher.socket.pause();
      const burst = `set ${'k'.repeat(250)} 0 0 1 noreply\r\nx\r\n`.repeat(1000);
      let sent = 0;
      let skipped = 0;
      do {
        expect(await client.ask(`${burst}mn\r\n`, 'MN\r\n')).to.equal('MN\r\n');
        client.send('stats\r\n');
        const stats = await client.until('END\r\n');
        sent = Number(/log_watcher_sent (\d+)/.exec(stats)?.[1]);
        skipped = Number(/log_watcher_skipped (\d+)/.exec(stats)?.[1]);
      } while (skipped < 1000);
      watcher.socket.resume();
      const read = (): Promise<string> => watcher.until('\n');
      for (let told = 0; told < sent;) {
        const line = await read();
        // The watcher had room now and then, while the system buffered bytes for it.
        if (line.startsWith('skipped=')) skipped -= Number(line.slice('skipped='.length));
        else told += 1;
      }
      expect(await client.ask('set last 0 0 1\r\nx\r\n', 'STORED\r\n')).to.equal('STORED\r\n');
      expect(await read()).to.equal(`skipped=${skipped}\n`);
      expect(await read()).to.contain('key=last');
      await client.ask('set more 0 0 1\r\nx\r\n', 'STORED\r\n');
      expect(await read(), 'told once').to.contain('key=more');
    } finally {
      watcher.socket.destroy();
      client.socket.destroy();
      await server.stop();
    }
  }).timeout(60_000);

  it('ma with q is silent about a counter that it creates', async () => {
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
