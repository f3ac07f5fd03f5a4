// The memory and time of a key: the keydir with and without the order of use, beside a Map of objects. Each runs in a
// process of its own, so that they cannot disturb each other's memory.
//   node dist/benchmarks/keydir.js [--keys 1000000,5000000] [--key-bytes 20]

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync, readSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import Table from 'cli-table3';
import { Command } from 'commander';
import { Keydir } from '../src/store/keydir/keydir.js';

/** Linux counts in this file how long a thread was ready to run and did not run. */
const schedstat = existsSync('/proc/self/schedstat')
  ? openSync('/proc/self/schedstat', 'r')
  : undefined;
const statBytes = Buffer.alloc(128);

/** One way to hold the keys. `put` adds a key, `has` looks it up. Keys are bytes, as they come from a client. */
interface Subject {
  put(key: Buffer, seq: number): void;
  has(key: Buffer): boolean;
  remove(key: Buffer): void;
  memoryBytes(): number | undefined;
}

const SUBJECTS: Readonly<Record<string, () => Subject>> = {
  'keydir, recency': () => keydirSubject(true),
  keydir: () => keydirSubject(false),
  'Map of objects': mapSubject,
};

interface Task {
  readonly subject: string;
  readonly keys: number;
  readonly keyBytes: number;
}

interface Result {
  readonly startMs: number;
  readonly rssBytes: number;
  readonly memoryBytes: number | undefined;
  readonly insertNs: number;
  readonly longestMs: number;
  readonly findNs: number;
  readonly missNs: number;
  readonly removeNs: number;
}

function keydirSubject(recency: boolean): Subject {
  const keydir = new Keydir({ seed: { k0: 1, k1: 2 }, recency });
  return {
    put(key, seq) {
      const ref = keydir.insert(key);
      keydir.setLocation(ref, seq & 0xff, (seq & 0xffffff) * 8, 256);
      keydir.setSeq(ref, seq);
    },
    has: (key) => keydir.find(key) !== 0,
    remove: (key) => keydir.remove(keydir.find(key)),
    memoryBytes: () => keydir.memoryBytes,
  };
}

function mapSubject(): Subject {
  const map = new Map<string, object>();
  return {
    put(key, seq) {
      map.set(key.toString('latin1'), {
        segment: seq & 0xff,
        offset: (seq & 0xffffff) * 8,
        length: 256,
        seq,
        expiresAt: 0,
        lastUsedSeconds: 0,
        marks: 0,
      });
    },
    has: (key) => map.get(key.toString('latin1')) !== undefined,
    remove: (key) => map.delete(key.toString('latin1')),
    memoryBytes: () => undefined,
  };
}

/** Times are CPU times of the process, so that other work on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Writes `n` as ten decimal digits to the end of the key. */
function writeKey(key: Buffer, n: number): void {
  let rest = n;
  for (let at = key.length - 1; at >= key.length - 10; at -= 1) {
    const tenth = Math.floor(rest / 10);
    key[at] = 48 + rest - tenth * 10;
    rest = tenth;
  }
}

function newKey(bytes: number): Buffer {
  return Buffer.from('k'.padEnd(bytes, '0'));
}

/** Returns the mean ns of `call` on keys in random order, without the time to make the keys. */
function timeNs(
  count: number,
  from: number,
  keyBytes: number,
  call: (key: Buffer) => void,
): number {
  const run = (call: (key: Buffer) => void): number => {
    const start = cpuMs();
    let n = 0;
    for (let done = 0; done < count; done += 1) {
      // An odd prime stride visits all numbers, in an order that no cache can predict.
      n = (n + 7_368_787) % count;
      writeKey(scratch, from + n);
      call(scratch);
    }
    return cpuMs() - start;
  };
  const scratch = newKey(keyBytes);
  const idleMs = run(() => undefined);
  return ((run(call) - idleMs) / count) * 1e6;
}

function fill(held: Subject, keys: number, keyBytes: number): void {
  const key = newKey(keyBytes);
  for (let n = 0; n < keys; n += 1) {
    writeKey(key, n);
    held.put(key, n);
  }
}

async function measure({ subject, keys, keyBytes }: Task): Promise<Result> {
  const make = SUBJECTS[subject]!;
  // It is kept until the end, so that none of its memory is used again.
  const exercised = exercise(make, keyBytes);
  globalThis.gc?.();
  await setTimeout(300);
  const rssBefore = process.memoryUsage.rss();
  const start = cpuMs();
  const held = make();
  const startMs = cpuMs() - start;

  const began = cpuMs();
  fill(held, keys, keyBytes);
  const insertNs = ((cpuMs() - began) / keys) * 1e6;
  globalThis.gc?.();
  await setTimeout(300);
  const rssBytes = process.memoryUsage.rss() - rssBefore;
  if (exercised.has(newKey(keyBytes))) throw new Error('A key is invented');
  const memoryBytes = held.memoryBytes();

  const findNs = timeNs(keys, 0, keyBytes, (key) => {
    if (!held.has(key)) throw new Error('A key is lost');
  });
  const missNs = timeNs(keys, keys, keyBytes, (key) => {
    if (held.has(key)) throw new Error('A key is invented');
  });
  const removeNs = timeNs(keys, 0, keyBytes, (key) => held.remove(key));
  const longestMs = longestInsertMs(make, keys, keyBytes);
  return {
    startMs,
    rssBytes,
    memoryBytes,
    insertNs,
    longestMs,
    findNs,
    missNs,
    removeNs,
  };
}

/** Returns the time of the slowest insert of a fill, without the time in which the thread waited for a processor. */
function longestInsertMs(make: () => Subject, keys: number, keyBytes: number): number {
  const held = make();
  const key = newKey(keyBytes);
  let longest = 0;
  let waited = 0;
  for (let n = 0; n < keys; n += 1) {
    writeKey(key, n);
    if (n % 100 === 0) waited = waitedMs();
    const start = performance.now();
    held.put(key, n);
    const ms = performance.now() - start;
    if (ms > longest) longest = Math.max(longest, ms - (waitedMs() - waited));
  }
  return longest;
}

/**
 * Returns how long this thread was ready to run and did not run, because of other work on the machine; 0 when the
 * system does not say.
 */
function waitedMs(): number {
  if (schedstat === undefined) return 0;
  const bytes = readSync(schedstat, statBytes, 0, statBytes.length, 0);
  return Number(statBytes.toString('latin1', 0, bytes).split(' ')[1]) / 1e6;
}

/** Lets the compiler see all code before it is measured, with few keys, so that memory stays as it was. */
function exercise(make: () => Subject, keyBytes: number): Subject {
  const subject = make();
  const count = 2000;
  for (let round = 0; round < 50; round += 1) {
    fill(subject, count, keyBytes);
    timeNs(count, 0, keyBytes, (key) => subject.has(key));
    timeNs(count, 0, keyBytes, (key) => subject.remove(key));
  }
  return subject;
}

async function measureApart(task: Task): Promise<Result> {
  const child = fork(fileURLToPath(import.meta.url), ['--child'], {
    execArgv: ['--expose-gc'],
  });
  child.send(task);
  const [result] = (await once(child, 'message')) as [Result];
  child.disconnect();
  return result;
}

async function main(): Promise<void> {
  const options = new Command()
    .option('--keys <counts>', 'numbers of keys, with commas', '1000000,5000000')
    .option('--key-bytes <bytes>', 'length of a key', '20')
    .parse()
    .opts<{ keys: string; keyBytes: string }>();
  const table = new Table({
    head: [
      'keys',
      'held by',
      'B/key RSS',
      'own',
      'insert ns',
      'longest ms',
      'find ns',
      'miss ns',
      'remove ns',
      'start ms',
    ],
    style: { head: [], border: [] },
  });
  for (const keys of options.keys.split(',').map(Number)) {
    for (const subject of Object.keys(SUBJECTS)) {
      const r = await measureApart({ subject, keys, keyBytes: Number(options.keyBytes) });
      const own = r.memoryBytes === undefined ? '' : (r.memoryBytes / keys).toFixed(1);
      table.push([
        keys.toLocaleString('en'),
        subject,
        (r.rssBytes / keys).toFixed(1),
        own,
        r.insertNs.toFixed(0),
        r.longestMs.toFixed(2),
        r.findNs.toFixed(0),
        r.missNs.toFixed(0),
        r.removeNs.toFixed(0),
        r.startMs.toFixed(2),
      ]);
    }
  }
  process.stdout.write(`${table.toString()}\n`);
}

if (process.argv[2] === '--child') {
  process.once('message', (task: Task) => {
    void measure(task).then((result) => process.send!(result));
  });
} else {
  await main();
}
