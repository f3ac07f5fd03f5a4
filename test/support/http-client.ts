// Requests to the HTTP listener: whole answers, and events of an answer without an end.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';

interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Waits for the whole answer, on a connection of its own. */
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

/** As the page itself posts: JSON, with the origin of `url`. */
export function postJson(
  url: string,
  fields: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  const { origin } = new URL(url);
  const options = { method: 'POST', headers: { origin, ...headers } };
  return askHttp(url, options, JSON.stringify(fields));
}

/** What comes until the answer ends, or nobody takes more. */
export async function* eventsOf(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): AsyncGenerator<unknown> {
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
