// Requests to the HTTP listener: whole answers, events of an answer without an end, and the files of the page.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';

interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Sends a request on a connection of its own and waits for the whole answer. */
export async function askHttp(
  url: string,
  options: https.RequestOptions = {},
  body = '',
): Promise<HttpAnswer> {
  const client = url.startsWith('https') ? https : http;
  const request = client.request(url, { agent: false, ...options });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  response.setEncoding('utf8');
  for await (const piece of response) text += String(piece);
  return { status: response.statusCode ?? 0, headers: response.headers, body: text };
}

/** Posts JSON as the page itself does, with the origin of `url`. */
export function postJson(
  url: string,
  fields: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  const { origin } = new URL(url);
  const options = { method: 'POST', headers: { origin, ...headers } };
  return askHttp(url, options, JSON.stringify(fields));
}

/** Yields what comes until the answer ends or the caller stops. */
export async function* eventsOf(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): AsyncGenerator {
  const request = http.get(url, { agent: false, headers });
  try {
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.setEncoding('utf8');
    let text = '';
    for await (const piece of response) {
      text += String(piece);
      const whole = text.split('\n\n');
      text = whole.pop() ?? '';
      for (const event of whole) yield JSON.parse(event.replace(/^data: /, ''));
    }
  } finally {
    request.destroy();
  }
}

/** Returns the URL that a server started with --http serves. What the server printed before it listened may arrive later. */
export async function httpUrlOf(server: { readonly output: string }): Promise<string> {
  for (;;) {
    const url = /metrics on (http\S+)\n/.exec(server.output)?.[1];
    if (url !== undefined) return url;
    await new Promise(setImmediate);
  }
}

/** Returns every file that the page at `url` is made of: the files that the shell names, and what they import. */
export async function pageFiles(url: string): Promise<ReadonlyMap<string, number>> {
  const statuses = new Map<string, number>();
  const due = ['/'];
  for (let path = due.pop(); path !== undefined; path = due.pop()) {
    if (statuses.has(path)) continue;
    const { status, body } = await askHttp(url + path);
    statuses.set(path, status);
    due.push(...[...body.matchAll(/(?:href|src)="(\/[^"]+)"/g)].map(([, named]) => named!));
    due.push(...[...body.matchAll(/from '\.\/([\w-]+\.js)'/g)].map(([, name]) => `/page/${name}`));
  }
  return statuses;
}
