// An HTTP cache before a slow origin. Any number of these processes may share a store. GET answers from the cache and
// says in X-Cache how; PURGE marks a page as stale.
// Environment: ORIGIN (its URL), CAIRN (host:port of the store), LIFETIME_S, REFRESH_S, PORT (0: any free one).

import { createServer } from 'node:http';
import { Cache } from './cache.mjs';

const { ORIGIN = 'http://127.0.0.1:3001', CAIRN = '127.0.0.1:11211', PORT = '3000' } = process.env;
const { LIFETIME_S = '60', REFRESH_S = '10' } = process.env;
const cache = new Cache({
  server: CAIRN,
  lifetimeS: Number(LIFETIME_S),
  refreshS: Number(REFRESH_S),
});

async function fromOrigin(path) {
  const answer = await fetch(new URL(path, ORIGIN), { signal: AbortSignal.timeout(10_000) });
  if (!answer.ok) throw new Error(`The origin answers ${path} with ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

async function answer({ method, url }, response) {
  if (method === 'PURGE') {
    await cache.invalidate(url);
    response.writeHead(204).end();
  } else if (method === 'GET') {
    const { value, how } = await cache.get(url, () => fromOrigin(url));
    response.writeHead(200, { 'X-Cache': how }).end(value);
  } else {
    response.writeHead(405).end();
  }
}

const web = createServer((request, response) => {
  answer(request, response).catch((error) => {
    // Nor is the origin asked while the store is away: it would get all requests at once.
    console.error(`${request.method} ${request.url}: ${error.message}`);
    response.writeHead(502).end('Try again\n');
  });
});
web.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${web.address().port}`);
});
