// An HTTP service that answers each client at most LIMIT times per WINDOW_S seconds. Any number of these processes may
// run over one store: they share the counters.
// Environment: CAIRN (host:port of the store), LIMIT, WINDOW_S, PORT (0: any free one).

import { createServer } from 'node:http';
import { Limiter } from './limiter.mjs';

const { CAIRN = '127.0.0.1:11211', LIMIT = '10', WINDOW_S = '60', PORT = '3000' } = process.env;
const limiter = new Limiter({ server: CAIRN, limit: Number(LIMIT), windowS: Number(WINDOW_S) });

async function answer(request, response) {
  // A service that checks its keys limits by key. Others limit by address, which behind a proxy is the proxy's.
  const client = request.headers['x-api-key'] ?? request.socket.remoteAddress;
  const { passes, remaining } = await limiter.hit(client);
  response.setHeader('X-RateLimit-Limit', LIMIT);
  response.setHeader('X-RateLimit-Remaining', remaining);
  if (passes) {
    response.end('Here you are\n');
  } else {
    // A window ends at the latest after its whole length.
    response.writeHead(429, { 'Retry-After': WINDOW_S }).end('Too many requests\n');
  }
}

const web = createServer((request, response) => {
  answer(request, response).catch((error) => {
    // Without the counters nobody passes. A service that would rather answer everybody does so here.
    console.error(`The counters at ${CAIRN} failed: ${error.message}`);
    response.writeHead(503, { 'Retry-After': '1' }).end('Try again\n');
  });
});
web.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${web.address().port}`);
});
