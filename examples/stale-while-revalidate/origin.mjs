// A slow origin to try the proxy with: each page takes two seconds, and says how many were asked for so far.
// Environment: PORT (0: any free one).

import { createServer } from 'node:http';

let asked = 0;
const web = createServer((request, response) => {
  asked++;
  console.log(`${asked}: ${request.url}`);
  const page = `page ${request.url}, request ${asked} of the origin\n`;
  setTimeout(() => response.end(page), 2000);
});
web.listen(Number(process.env.PORT ?? '3001'), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${web.address().port}`);
});
