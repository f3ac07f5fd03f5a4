// Bodies of POST requests: JSON objects of bounded length, read whole before the handler acts. The time limit of the
// connection (guests.ts) bounds how long a body may take to arrive.

import type { Exchange } from './exchange.js';

/** Room in base64 for the longest value that has no file of its own, and for its key and the other fields. */
const BODY_BYTES_MAX = 1.5 * 1024 * 1024;

export type Fields = Readonly<Record<string, unknown>>;

/**
 * Returns the object that was sent. Returns undefined when the body is not an object, which the client has then been
 * answered, or when the client has gone.
 */
export async function readFields(exchange: Exchange): Promise<Fields | undefined> {
  const body = await readBody(exchange);
  if (body === 'gone') return undefined;
  if (body === 'too-long') {
    // The rest of the body is not read: the connection ends with the answer.
    exchange.response.shouldKeepAlive = false;
    exchange.refuse(413, `The request is longer than ${BODY_BYTES_MAX} bytes: use kv-client`);
    return undefined;
  }
  const fields = parsed(body.toString('utf8'));
  if (fields === undefined) exchange.refuse(400, 'The request is not a JSON object');
  return fields;
}

function readBody({ request, response }: Exchange): Promise<Buffer | 'too-long' | 'gone'> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX) {
    return Promise.resolve('too-long');
  }
  if (request.headers.expect !== undefined) response.writeContinue();
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    const take = (piece: Buffer): void => {
      bytes += piece.length;
      if (bytes <= BODY_BYTES_MAX) {
        pieces.push(piece);
        return;
      }
      request.off('data', take).pause();
      resolve('too-long');
    };
    request.on('data', take);
    request.once('end', () => resolve(Buffer.concat(pieces)));
    request.once('close', () => resolve('gone'));
  });
}

function parsed(text: string): Fields | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Fields;
}
