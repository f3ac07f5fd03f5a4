// The two express stores on memcached, for sessions (connect-memcached) and rate limits (rate-limit-memcached), behind a
// real HTTP server.

import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import Memcached from 'memcached';
import { MemcachedStore as RateLimitStore } from 'rate-limit-memcached';
import { describeServers } from '../support/servers.js';

interface SessionRequest {
  session: { visits?: number; destroy(done: () => void): void };
}
interface App {
  use(handler: unknown): void;
  get(
    path: string,
    handler: (request: SessionRequest, response: { send(text: string): void }) => void,
  ): void;
}

const require = createRequire(import.meta.url);
const express = require('express') as () => App & RequestListener;
const session = require('express-session') as (options: object) => unknown;
const connectMemcached = require('connect-memcached') as (
  sessionModule: unknown,
) => new (options: object) => object;

function sessionApp(client: Memcached, secret: string): RequestListener {
  const SessionStore = connectMemcached(session);
  const app = express();
  app.use(
    session({
      secret: 'cookie secret',
      resave: false,
      saveUninitialized: false,
      store: new SessionStore({ client, prefix: 'sess:', ttl: 60, secret }),
    }),
  );
  app.get('/visit', (request, response) => {
    request.session.visits = (request.session.visits ?? 0) + 1;
    response.send(String(request.session.visits));
  });
  app.get('/leave', (request, response) => {
    request.session.destroy(() => response.send('left'));
  });
  return app;
}

describeServers('express stores @long', (server) => {
  let client: Memcached;
  const webServers: Server[] = [];

  async function serve(app: RequestListener): Promise<string> {
    const web = createServer(app).listen(0, '127.0.0.1');
    webServers.push(web);
    await once(web, 'listening');
    return `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  }

  before(() => {
    client = new Memcached(server.address(), { retries: 0, timeout: 5000 });
  });
  after(() => {
    for (const web of webServers) web.close();
    client.end();
  });

  for (const secret of ['', 'Rather.Secret-Enough_42_Kruptein!']) {
    const mode = secret === '' ? 'plain' : 'encrypted';
    it(`connect-memcached keeps ${mode} sessions apart and ends them`, async () => {
      const base = await serve(sessionApp(client, secret));
      const visit = async (path: string, cookie: string): Promise<[string, string]> => {
        const response = await fetch(`${base}${path}`, { headers: { cookie } });
        const set = response.headers.get('set-cookie')?.split(';')[0] ?? cookie;
        return [await response.text(), set];
      };
      const [first, ada] = await visit('/visit', '');
      const [, bob] = await visit('/visit', '');
      expect(first).to.equal('1');
      expect((await visit('/visit', ada))[0]).to.equal('2');
      expect((await visit('/visit', ada))[0]).to.equal('3');
      expect((await visit('/visit', bob))[0]).to.equal('2');
      await visit('/leave', ada);
      expect((await visit('/visit', ada))[0], 'after the end').to.equal('1');
    });
  }

  it('rate-limit-memcached counts hits, forgets one, and resets', async () => {
    const store = new RateLimitStore({ client, prefix: 'rl:' });
    store.init({ windowMs: 60_000 } as never);
    const hits: number[] = [];
    for (let i = 0; i < 5; i++) hits.push((await store.increment('ada')).totalHits);
    expect(hits).to.deep.equal([1, 2, 3, 4, 5]);
    await store.decrement('ada');
    expect((await store.increment('ada')).totalHits).to.equal(5);
    expect((await store.increment('bob')).totalHits).to.equal(1);
    await store.resetKey('ada');
    expect((await store.increment('ada')).totalHits).to.equal(1);
  });

  it('rate-limit-memcached counts concurrent hits without losing one', async () => {
    const store = new RateLimitStore({ client, prefix: 'rl:' });
    store.init({ windowMs: 60_000 } as never);
    await store.increment('crowd');
    const counts = await Promise.all(
      Array.from({ length: 40 }, async () => (await store.increment('crowd')).totalHits),
    );
    expect(counts.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 40 }, (_, i) => i + 2));
  });
});
