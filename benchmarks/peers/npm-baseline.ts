// A server that a Node user would write instead of using Cairn: a database from npm behind a minimal server of
// memcached's `get` and `set`, each write synced before its reply.
// Arguments: package, port, directory, folder whose node_modules holds the package.

import { createRequire } from 'node:module';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';

/** The part of the packages' interfaces that is used. */
interface Database {
  get(key: string): Promise<Buffer | undefined> | Buffer | undefined;
  put(key: string, value: Buffer): Promise<unknown>;
}

const [name = '', port = '', dir = '', peersDir = ''] = process.argv.slice(2);
const load = createRequire(join(peersDir, 'package.json'));

function openClassicLevel(): Database {
  const { ClassicLevel } = load('classic-level') as {
    ClassicLevel: new (
      dir: string,
      options: object,
    ) => {
      get(key: string): Promise<Buffer | undefined>;
      put(key: string, value: Buffer, options: object): Promise<void>;
    };
  };
  const db = new ClassicLevel(dir, { valueEncoding: 'buffer' });
  return {
    get: async (key) => db.get(key),
    put: async (key, value) => db.put(key, value, { sync: true }),
  };
}

function openLmdb(): Database {
  const lmdb = load('lmdb') as {
    open(options: object): {
      getBinary(key: string): Buffer | undefined;
      put(key: string, value: Buffer): Promise<boolean>;
    };
  };
  // Without overlapping syncs the promise of a put settles when the write is on the disk.
  const db = lmdb.open({ path: dir, encoding: 'binary', overlappingSync: false });
  return { get: (key) => db.getBinary(key), put: async (key, value) => db.put(key, value) };
}

const db = name === 'lmdb' ? openLmdb() : openClassicLevel();

async function answer(line: string, value: Buffer | undefined): Promise<Buffer | string> {
  const [command, key = ''] = line.split(' ');
  if (command === 'version') return 'VERSION 0\r\n';
  if (command === 'set' && value !== undefined) {
    await db.put(key, value);
    return 'STORED\r\n';
  }
  const found = await db.get(key);
  if (found === undefined) return 'END\r\n';
  const head = Buffer.from(`VALUE ${key} 0 ${found.length}\r\n`);
  return Buffer.concat([head, found, Buffer.from('\r\nEND\r\n')]);
}

/**
 * Takes one request off the front; returns its line, its value and the bytes used, or undefined when it is
 * incomplete.
 */
function takeRequest(
  input: Buffer,
): { line: string; value: Buffer | undefined; used: number } | undefined {
  const lineEnd = input.indexOf('\r\n');
  if (lineEnd === -1) return undefined;
  const line = input.toString('latin1', 0, lineEnd);
  if (!line.startsWith('set ')) return { line, value: undefined, used: lineEnd + 2 };
  const valueEnd = lineEnd + 2 + Number(line.split(' ')[4]);
  if (input.length < valueEnd + 2) return undefined;
  return { line, value: input.subarray(lineEnd + 2, valueEnd), used: valueEnd + 2 };
}

function serve(socket: Socket): void {
  let input: Buffer = Buffer.alloc(0);
  // Replies leave in the order of the requests, while the requests themselves run in parallel.
  let previous: Promise<unknown> = Promise.resolve();
  socket.on('data', (chunk) => {
    input = input.length === 0 ? chunk : Buffer.concat([input, chunk]);
    for (;;) {
      const request = takeRequest(input);
      if (request === undefined) break;
      input = input.subarray(request.used);
      const reply = answer(request.line, request.value);
      previous = Promise.all([previous, reply]).then(([, bytes]) => socket.write(bytes));
    }
  });
  // A client that went away needs no answer.
  socket.on('error', () => socket.destroy());
}

createServer({ noDelay: true }, serve).listen(Number(port), '127.0.0.1');
