// The data directory is not what it should be, or another process shares it: it cannot be used, another server has it, the
// disk is slow.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import {
  cairnLaunch,
  ServerFailure,
  ServerProcess,
  type Launch,
} from '../../../tools/torture/server-process.js';
import { WireClient } from '../../../tools/torture/wire-client.js';
import { EXIT } from '../../../src/exit-codes.js';
import { findProgram } from '../../support/programs.js';
import { temporaryFolder } from '../../support/servers.js';
import { megabytes, memoryBytes } from '../machine.js';
import { canMount, isRoot, run } from '../machine.js';
import { ms, percentileOf, statsOf, withServer } from '../life.js';
import type { FaultRow, Skipped, Tried } from '../row.js';
import { removeFolder } from '../../support/remove-folder.js';

export const unusableDirectory: FaultRow = {
  name: 'unusable-directory',
  fault: 'The data directory is a file, below a file, read-only, or belongs to somebody else',
  required: 'The start is refused with a message that names the path, and a code of docs/errors.md',
  injection: 'mount -o ro, setpriv',
  try: tryUnusable,
};

async function tryUnusable(): Promise<Tried | Skipped> {
  if (!canMount()) return { needs: 'root that may mount' };
  if (findProgram('setpriv') === undefined) return { needs: 'util-linux' };
  const folder = temporaryFolder();
  const readOnly = join(folder, 'read-only');
  try {
    mkdirSync(readOnly);
    run('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', readOnly]);
    const failures = await refuseAll(folder, readOnly);
    return { tried: 5, failures, figure: 'each refused before listening' };
  } finally {
    run('umount', ['-l', readOnly]);
    removeFolder(folder);
  }
}

async function refuseAll(folder: string, readOnly: string): Promise<string[]> {
  writeFileSync(join(folder, 'file'), '');
  const foreign = join(folder, 'foreign');
  mkdirSync(foreign, { mode: 0o700 });
  chmodSync(folder, 0o755);
  const cases: readonly (readonly [string, Launch, number])[] = [
    ['a file', cairnLaunch(join(folder, 'file')), EXIT.usage],
    ['below a file', cairnLaunch(join(folder, 'file/data')), EXIT.usage],
    ['read-only', cairnLaunch(readOnly), EXIT.noPermission],
    ['below a read-only one', cairnLaunch(join(readOnly, 'data')), EXIT.noPermission],
    ['of another user', nobody(cairnLaunch(foreign)), EXIT.noPermission],
  ];
  const failures: string[] = [];
  for (const [what, launch, code] of cases) {
    const refusal = await refusalOf(launch);
    if (refusal === undefined) failures.push(`${what}: it started`);
    else if (refusal.code !== code || !refusal.message.includes(folder))
      failures.push(`${what}: ended with ${refusal.code}: ${refusal.message}`);
  }
  return failures;
}

function nobody(launch: Launch): Launch {
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  return { ...launch, command: 'setpriv', args: [...user, launch.command, ...launch.args] };
}

/** Returns how the start was refused; undefined when it was not. */
async function refusalOf(launch: Launch): Promise<ServerFailure | undefined> {
  try {
    const server = await ServerProcess.start(launch);
    await server.kill();
    return undefined;
  } catch (error) {
    if (error instanceof ServerFailure) return error;
    throw error;
  }
}

export const twoServers: FaultRow = {
  name: 'two-servers',
  fault:
    'Several servers are started on one directory at once; the owner of the lock is killed with -9; LOCK is removed by hand',
  required:
    'One serves, the others exit 75 and touch nothing; the lock goes with its owner, not with the file',
  injection: 'races of three starts, SIGKILL between them; rm LOCK',
  try: async ({ tier }) => {
    const folder = temporaryFolder();
    try {
      return await race(join(folder, 'data'), tier === 'fast' ? 5 : 100);
    } finally {
      removeFolder(folder);
    }
  },
};

async function race(dir: string, races: number): Promise<Tried> {
  const failures: string[] = [];
  for (let round = 0; round < races; round++) {
    const starts = await Promise.allSettled(
      Array.from({ length: 3 }, () => ServerProcess.start(cairnLaunch(dir))),
    );
    const servers = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
    if (servers.length !== 1) failures.push(`race ${round}: ${servers.length} servers serve`);
    for (const start of starts) {
      if (start.status === 'fulfilled') continue;
      const code = start.reason instanceof ServerFailure ? start.reason.code : start.reason;
      if (code !== EXIT.busy) failures.push(`race ${round}: a loser ended with ${code}`);
    }
    await Promise.all(servers.map((server) => server.kill()));
  }
  const tookMs = await refuseSecond(dir, failures);
  return { tried: races + 2, failures, figure: `a second start gives up after ${ms(tookMs)}` };
}

const SECOND_STARTS_MAX = 3;

/** Starts a second server on an idle first one; returns the ms until it exits. Nothing may have changed. */
async function refuseSecond(dir: string, failures: string[]): Promise<number> {
  const owner = await ServerProcess.start(cairnLaunch(dir));
  try {
    // The owner itself may still write zeros and, after a second of idleness, a seal. A second server that touched files
    // would do so each time.
    let tookMs = 0;
    let hasChanged = true;
    for (let tries = 0; hasChanged && tries < SECOND_STARTS_MAX; tries++) {
      await setTimeout(1500);
      const before = fingerprint(dir);
      const startedMs = performance.now();
      const refusal = await refusalOf(cairnLaunch(dir));
      tookMs = performance.now() - startedMs;
      if (refusal?.code !== EXIT.busy)
        failures.push(`the second start ended with ${refusal?.code}`);
      hasChanged = fingerprint(dir) !== before;
    }
    if (hasChanged) failures.push('the second start changed the directory');
    rmSync(join(dir, 'LOCK'));
    const third = await refusalOf(cairnLaunch(dir));
    if (third?.code !== EXIT.busy) failures.push(`without LOCK a start ended with ${third?.code}`);
    return tookMs;
  } finally {
    await owner.kill();
  }
}

function fingerprint(dir: string): string {
  return readdirSync(dir)
    .toSorted()
    .map((name) => {
      const { size, mtimeMs, ino } = statSync(join(dir, name));
      return `${name} ${size} ${mtimeMs} ${ino}`;
    })
    .join('\n');
}

export const slowDisk: FaultRow = {
  name: 'slow-disk',
  fault: 'Every write to the disk takes 300 ms',
  required:
    'Every request is answered in the end, the queue is bounded, reads go on, and stats show it',
  injection: 'strace -e inject=pwrite64:delay_enter on a running server',
  try: trySlowDisk,
};

const DELAY_MS = 300;
/** The limit for what is unsynced at a time, and as much again for requests that wait in buffers. */
const GROWTH_BYTES_MAX = 64 * 1024 * 1024;

async function trySlowDisk(): Promise<Tried | Skipped> {
  const strace = findProgram('strace');
  if (!isRoot()) return { needs: 'root' };
  if (strace === undefined) return { needs: 'strace' };
  return withServer(['-m', '8'], async ({ server }) => {
    const failures: string[] = [];
    const client = await WireClient.connect(server.port);
    await client.line('set known 0 0 1\r\nx\r\n');
    const before = memoryBytes(server.pid, 'VmHWM');
    const tracer = spawn(
      strace,
      ['-f', '-p', `${server.pid}`, '-o', '/dev/null', '-e', 'trace=pwrite64'].concat([
        '-e',
        `inject=pwrite64:delay_enter=${DELAY_MS * 1000}`,
      ]),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let said = '';
    while (!said.includes('attached')) said += String((await once(tracer.stderr, 'data'))[0]);
    const value = 'v'.repeat(20_000);
    const sets = Array.from({ length: 700 }, (_, n) =>
      client.line(`set s${n} 0 0 ${value.length}\r\n${value}\r\n`),
    );
    const readMs = await timeReads(server.port, Promise.all(sets));
    const wrong = (await Promise.all(sets)).filter((reply) => reply !== 'STORED');
    if (wrong.length > 0) failures.push(`${wrong.length} sets were answered ${wrong[0]}`);
    const stats = await statsOf(server.port);
    const slowest = stats.get('kv_sync_max_us') ?? 0;
    if (slowest < DELAY_MS * 1000)
      failures.push(`stats say that the slowest sync took ${slowest} µs`);
    const grown = memoryBytes(server.pid, 'VmHWM') - before;
    if (grown > GROWTH_BYTES_MAX) failures.push(`memory grew by ${megabytes(grown)}`);
    tracer.kill();
    await once(tracer, 'exit');
    const figure =
      `${sets.length} sets of 20 KB answered, ${readMs.length} reads meanwhile, their median ` +
      `${ms(percentileOf(readMs, 50))}, p99 ${ms(percentileOf(readMs, 99))}; memory grew by ${megabytes(grown)}`;
    return { tried: stats.get('kv_batches') ?? 0, failures, figure };
  });
}

/** Reads one key again and again until `done`; returns the ms of each read. */
async function timeReads(port: number, done: Promise<unknown>): Promise<number[]> {
  const reader = await WireClient.connect(port);
  const took: number[] = [];
  const end = done.then(() => 'done' as const);
  for (;;) {
    const startedMs = performance.now();
    await reader.meta('mg known v\r\n');
    took.push(performance.now() - startedMs);
    if ((await Promise.race([end, setTimeout(5)])) === 'done') break;
  }
  reader.close();
  return took;
}
