// Transcripts of binary conversations, as test/golden/wire/*.hex keep them:
//
//   # a comment
//   ! -S -Y USERS                 the flags of the server; this line comes once, first
//   > 80 01 0001 08 00 0000 0000000a deadbeef 0000000000000000 | 0000000000000000 | 6b | 76   ; "k" "v"
//   < 81 01 ...                   each response: header, extras, key, value; printable bytes after the `;`
//   = closed                      the server closed the connection; a new one follows
//
// The Noop that ends each reply is not shown. Statistics are shown by their names alone, because values differ each time.

import { packet } from './binary-packets.js';
import { TestClient } from './test-server.js';

const HEADER_BYTES = 24;
const NOOP = 0x0a;
const STAT = 0x10;
const BARRIER_OPAQUE = 0xfeedface;

interface BinaryTranscript {
  readonly argv: readonly string[];
  readonly lines: readonly string[];
}

export function parseBinaryTranscript(text: string): BinaryTranscript {
  const lines = text.trimEnd().split('\n');
  const argv =
    lines
      .find((line) => line.startsWith('! '))
      ?.slice(2)
      .split(' ') ?? [];
  return { argv, lines: lines.filter((line) => !line.startsWith('< ') && line !== '= closed') };
}

/** Returns the bytes of a line: the hexadecimal digits up to the `;`. */
export function bytesOf(line: string): Buffer {
  return Buffer.from(line.slice(2).replace(/;.*$/, '').replaceAll(/[\s|]/g, ''), 'hex');
}

/** Plays a transcript; returns the whole text of the file with the replies that came. */
export async function playBinaryTranscript(
  { lines }: BinaryTranscript,
  port: number,
): Promise<string> {
  const played: string[] = [];
  let client = await TestClient.open(port);
  try {
    for (const line of lines) {
      if (!line.startsWith('> ')) {
        played.push(line);
        continue;
      }
      const request = bytesOf(line);
      played.push(`> ${shown(request)}`);
      const barrier = packet(NOOP, { opaque: BARRIER_OPAQUE });
      client.send(Buffer.concat([request, barrier]).toString('latin1'));
      const { replies, closed } = await readReplies(client);
      played.push(...replies.map((reply) => `< ${shown(reply)}`));
      if (!closed) continue;
      played.push('= closed');
      client.socket.destroy();
      client = await TestClient.open(port);
    }
  } finally {
    client.socket.destroy();
  }
  return `${played.join('\n')}\n`;
}

async function readReplies(client: TestClient): Promise<{ replies: Buffer[]; closed: boolean }> {
  const replies: Buffer[] = [];
  for (;;) {
    const header = Buffer.from(await client.take(HEADER_BYTES), 'latin1');
    if (header.length < HEADER_BYTES) return { replies, closed: true };
    const body = Buffer.from(await client.take(header.readUInt32BE(8)), 'latin1');
    if (header[1] === NOOP && header.readUInt32BE(12) === BARRIER_OPAQUE) {
      return { replies, closed: false };
    }
    replies.push(Buffer.concat([header, body]));
  }
}

/** Shows one packet per line, its fields apart, with the printable bytes after them. */
function shown(bytes: Buffer): string {
  const hex = (from: number, to: number): string => bytes.toString('hex', from, to);
  const keyStart = HEADER_BYTES + (bytes[4] ?? 0);
  const valueStart = keyStart + (bytes.length < 4 ? 0 : bytes.readUInt16BE(2));
  const name = JSON.stringify(bytes.toString('latin1', keyStart, valueStart));
  if (bytes[0] === 0x81 && bytes[1] === STAT && bytes.readUInt16BE(6) === 0 && name !== '""') {
    return `81 10 stat ${name} *`;
  }
  const header = [
    [0, 1],
    [1, 2],
    [2, 4],
    [4, 5],
    [5, 6],
    [6, 8],
    [8, 12],
    [12, 16],
    [16, HEADER_BYTES],
  ].map(([from, to]) => hex(from!, to!));
  const body = [hex(HEADER_BYTES, keyStart), hex(keyStart, valueStart), hex(valueStart, Infinity)];
  const readable = [
    bytes.toString('latin1', keyStart, valueStart),
    bytes.toString('latin1', valueStart),
  ]
    .filter((text) => /^[\x20-\x7e]+$/.test(text))
    .map((text) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text));
  const fields = [header.join(' '), ...body.filter((part) => part !== '')].join(' | ');
  return readable.length === 0 ? fields : `${fields} ; ${readable.join(' ')}`;
}
