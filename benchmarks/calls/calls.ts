// `npm run bench -- --calls`: the files, functions and calls that one request enters in a live server, by V8's
// precise coverage. Only functions that every request enters count. A function that was entered less than once in two
// requests belongs to a timer, a rotation or a new page of the keydir, and not to the way of a request.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { freePort } from '../peers/process.js';
import type { Entered } from './probe.js';

const REQUESTS = 1000;
/** Not measured: work that happens only once (a new page, a first growth) is done in them. */
const WARM_UP_REQUESTS = 200;
const KEYS = 500;
const VALUE = 'v'.repeat(100);
const START_TIMEOUT_MS = 20_000;
const CONNECT_POLL_MS = 20;
/** Optimized code does not count functions that were inlined into it, so nothing is optimized. */
const COUNTED = ['--no-opt', '--import', new URL('probe.js', import.meta.url).href];
export const SERVER = fileURLToPath(new URL('../../tools/kv-server.js', import.meta.url));

/** The code that one request enters. */
export interface CallCount {
  readonly request: string;
  readonly files: number;
  readonly functions: number;
  readonly calls: number;
  /** Most calls first. */
  readonly entered: readonly EnteredPerRequest[];
}

/** A function of the table, with its file below src/. */
export interface EnteredPerRequest {
  readonly file: string;
  readonly name: string;
  readonly callsPerRequest: number;
}

interface Kind {
  readonly request: string;
  readonly ending: string;
  /** The most that the rebuilt way of a request should enter. */
  readonly budget: { readonly files: number; readonly calls: number };
  readonly bytes: (number: number) => string;
}

function set(key: string): string {
  return `set ${key} 0 0 ${VALUE.length}\r\n${VALUE}\r\n`;
}

function keyOf(number: number): string {
  return `key:${String(number % KEYS).padStart(16, '0')}`;
}

const KINDS: readonly Kind[] = [
  {
    request: 'set, new key',
    ending: 'STORED\r\n',
    budget: { files: 25, calls: 110 },
    bytes: (number) => set(`new:${String(number).padStart(16, '0')}`),
  },
  {
    request: 'set, overwrite',
    ending: 'STORED\r\n',
    budget: { files: 25, calls: 110 },
    bytes: (number) => set(keyOf(number)),
  },
  {
    request: 'get, hit',
    ending: 'END\r\n',
    budget: { files: 18, calls: 60 },
    bytes: (number) => `get ${keyOf(number)}\r\n`,
  },
  {
    request: 'get, miss',
    ending: 'END\r\n',
    budget: { files: 14, calls: 45 },
    bytes: (number) => `get not:${String(number % KEYS).padStart(16, '0')}\r\n`,
  },
];

/**
 * Sums up the functions that requests entered in the files below `root`. A function that was entered less than once
 * in two requests does not count.
 */
export function countCalls(
  entered: readonly Entered[],
  requests: number,
  root: string,
): Omit<CallCount, 'request'> {
  const counted = entered.filter(
    ({ file, calls }) => file.startsWith(root) && calls >= requests / 2,
  );
  return {
    files: new Set(counted.map(({ file }) => file)).size,
    functions: counted.length,
    calls: Math.round(counted.reduce((sum, { calls }) => sum + calls, 0) / requests),
    entered: counted
      .map(({ file, name, calls }) => ({
        file: file.slice(root.length),
        name,
        callsPerRequest: calls / requests,
      }))
      .sort((a, b) => b.callsPerRequest - a.callsPerRequest || a.file.localeCompare(b.file)),
  };
}

/** A client that sends one request at a time. */
class Client {
  readonly #socket: Socket;
  #received = '';
  #ending = '';
  #answered: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.#received += bytes.toString('latin1');
      if (this.#received.endsWith(this.#ending)) this.#answered();
    });
  }

  async ask(request: string, ending: string): Promise<void> {
    this.#received = '';
    this.#ending = ending;
    const answered = new Promise<void>((resolve) => {
      this.#answered = resolve;
    });
    this.#socket.write(request);
    await answered;
  }
}

async function connected(port: number): Promise<Socket> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, CONNECT_POLL_MS);
      });
    }
  }
}

/** Returns the functions that the server entered since the last call. */
async function take(child: ChildProcess): Promise<readonly Entered[]> {
  child.send('take');
  const [entered] = (await once(child, 'message')) as [readonly Entered[]];
  return entered;
}

/** Counts every kind of request, each on a server of its own (the build at `server`) on an empty directory. */
export async function measureCalls(dir: string, server = SERVER): Promise<readonly CallCount[]> {
  const port = await freePort();
  const args = [...COUNTED, server, '-p', `${port}`, '-l', '127.0.0.1', '--data', dir];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const ended = once(child, 'exit');
  const root = new URL('../src/', `file://${server}`).href;
  try {
    const socket = await connected(port);
    const client = new Client(socket);
    for (let number = 0; number < KEYS; number++)
      await client.ask(set(keyOf(number)), 'STORED\r\n');
    const counts: CallCount[] = [];
    for (const { request, ending, bytes } of KINDS) {
      let number = 0;
      for (; number < WARM_UP_REQUESTS; number++) await client.ask(bytes(number), ending);
      await take(child);
      for (; number < WARM_UP_REQUESTS + REQUESTS; number++)
        await client.ask(bytes(number), ending);
      counts.push({ request, ...countCalls(await take(child), REQUESTS, root) });
    }
    socket.destroy();
    return counts;
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

/** Returns the first table: the counts beside their targets. */
export function callTable(counts: readonly CallCount[]): string {
  const table = new Table({
    head: ['request', 'files', 'functions', 'calls', 'budget'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'left'],
  });
  for (const { request, files, functions, calls } of counts) {
    const budget = KINDS.find((kind) => kind.request === request)?.budget;
    const most = budget === undefined ? '' : `≤ ${budget.files} files, ≤ ${budget.calls} calls`;
    table.push([request, files, functions, calls, most]);
  }
  return `${table.toString()}\n`;
}

/**
 * Returns a heading for each request, and below it every function that it enters with its file and calls, most calls
 * first.
 */
export function functionLists(counts: readonly CallCount[]): string {
  const lines = counts.flatMap(({ request, entered }) => [
    `${request}:`,
    ...entered.map(
      ({ file, name, callsPerRequest }) =>
        `${callsPerRequest.toFixed(1).padStart(6)}  ${file}  ${name}`,
    ),
  ]);
  return `${lines.join('\n')}\n`;
}
