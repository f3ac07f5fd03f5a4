// Limits of the machine are reached: descriptors, the size of a file, inodes, memory. And its clock jumps.

import { writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import {
  cairnLaunch,
  ServerFailure,
  ServerProcess,
} from '../../../tools/torture/server-process.js';
import { WireClient } from '../../../tools/torture/wire-client.js';
import { EXIT } from '../../../src/exit-codes.js';
import { findProgram } from '../../support/programs.js';
import { canMount, megabytes, memoryBytes, mountTmpfs, run } from '../machine.js';
import { askStats, statsOf, withServer } from '../life.js';
import type { FaultRow, Skipped, Tried } from '../row.js';

const REFUSED = 'SERVER_ERROR disk full, not stored';

export const descriptors: FaultRow = {
  name: 'descriptors',
  fault: 'More clients than the limit of descriptors allows',
  required:
    'Clients above the limit are refused, the others are served, and the log goes on and rotates',
  injection: 'prlimit --nofile=160 at the start',
  try: async () => {
    if (findProgram('prlimit') === undefined) return { needs: 'util-linux' };
    return withServer(
      ['--segment-size', '1m', '--snapshot', 'never'],
      async ({ server }) => {
        const observer = await WireClient.connect(server.port);
        // A client that has made a request is not dropped for others.
        await askStats(observer);
        const sockets = await Promise.all(Array.from({ length: 250 }, () => open(server.port)));
        const answers = await Promise.all(sockets.map((socket) => setOf(socket)));
        const served = answers.filter((text) => text.startsWith('STORED')).length;
        const refused = answers.length - served;
        const failures: string[] = [];
        if (served < 90) failures.push(`only ${served} were served`);
        if (refused === 0) failures.push('nobody was refused');
        const writer = sockets[answers.findIndex((text) => text.startsWith('STORED'))]!;
        for (let n = 0; n < 40; n++) {
          if (!(await setOf(writer, 100_000)).startsWith('STORED'))
            failures.push(`set ${n} failed`);
        }
        for (const socket of sockets) socket.destroy();
        const stats = await askStats(observer);
        observer.close();
        if ((stats.get('kv_segments_created') ?? 0) < 2) failures.push('no segment was begun');
        if ((stats.get('kv_failed_commits') ?? 0) > 0) failures.push('a commit failed');
        const figure = `${served} served, ${refused} refused; ${stats.get('kv_segments_created')} segments begun, no error in the log`;
        return { tried: refused, failures, figure };
      },
      (launch) => ({
        ...launch,
        command: 'prlimit',
        args: ['--nofile=160:160', launch.command, ...launch.args],
      }),
    );
  },
};

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.setEncoding('latin1');
  socket.on('error', () => socket.destroy());
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  return socket;
}

/** Returns the answer to a set, or what the server sent instead; empty when it closed. */
function setOf(socket: Socket, bytes = 1): Promise<string> {
  if (socket.destroyed) return Promise.resolve('');
  return new Promise((resolve) => {
    const end = (text: string): void => {
      socket.off('data', end).off('close', closed);
      resolve(text);
    };
    const closed = (): void => end('');
    socket.on('data', end).on('close', closed);
    socket.write(`set d 0 0 ${bytes}\r\n${'v'.repeat(bytes)}\r\n`);
  });
}

export const fileSize: FaultRow = {
  name: 'file-size',
  fault: 'No file may grow beyond 3 MB (EFBIG, short writes), and then files may grow again',
  required: 'The refused writes are missing, reads go on, writes resume without a restart',
  injection: 'prlimit --fsize=3000000, lifted while it runs',
  try: async () => {
    if (findProgram('prlimit') === undefined) return { needs: 'util-linux' };
    return withServer(
      ['--segment-size', '8m', '--snapshot', 'never'],
      ({ server }) =>
        fillAndFree(server, () =>
          run('prlimit', ['--pid', `${server.pid}`, '--fsize=unlimited:unlimited']),
        ),
      (launch) => ({
        ...launch,
        command: 'prlimit',
        args: ['--fsize=3000000:unlimited', launch.command, ...launch.args],
      }),
    );
  },
};

export const inodes: FaultRow = {
  name: 'inodes',
  fault: 'The file system has bytes left but no inode for another file',
  required:
    'The refused writes are missing, reads go on, writes resume when there are inodes again',
  injection: 'tmpfs with nr_inodes=9, then remounted with more',
  try: async () => {
    if (!canMount()) return { needs: 'root that may mount' };
    const disk = mountTmpfs('size=64m,nr_inodes=9');
    try {
      const flags = ['--segment-size', '1m', '--snapshot', 'never', '--compact-min', '1g'];
      const server = await ServerProcess.start(cairnLaunch(disk.dir, flags));
      try {
        const more = ['-o', 'remount,size=64m,nr_inodes=500', disk.mountPoint];
        return await fillAndFree(server, () => run('mount', more));
      } finally {
        await server.kill();
      }
    } finally {
      disk.remove();
    }
  },
};

/** Writes until refusals come, checks all items, frees room, and expects writes to resume. */
async function fillAndFree(server: { readonly port: number }, free: () => string): Promise<Tried> {
  const client = await WireClient.connect(server.port);
  const failures: string[] = [];
  const value = 'v'.repeat(50_000);
  const put = (key: string): Promise<string> =>
    client.line(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`);
  const stored: string[] = [];
  const refused: string[] = [];
  for (let n = 0; n < 1000 && refused.length < 12; n++) {
    const reply = await put(`k${n}`);
    (reply === 'STORED' ? stored : refused).push(`k${n}`);
    if (reply !== 'STORED' && reply !== REFUSED) failures.push(`set was answered ${reply}`);
  }
  if (refused.length === 0) failures.push('nothing was refused');
  for (const key of stored) {
    if ((await client.meta(`mg ${key} v\r\n`)) !== `VA ${value.length}\r\n${value}`)
      failures.push(`${key} is lost`);
  }
  for (const key of refused) {
    if ((await client.meta(`mg ${key} v\r\n`)) !== 'EN')
      failures.push(`${key} was refused and is there`);
  }
  if ((await client.line(`delete ${stored[0]}\r\n`)) !== 'DELETED') failures.push('no delete');
  free();
  const deadlineMs = performance.now() + 10_000;
  while ((await put('again')) !== 'STORED') {
    if (performance.now() > deadlineMs) {
      failures.push('writes did not resume');
      break;
    }
    await setTimeout(50);
  }
  client.close();
  const figure = `${stored.length} writes stored, ${refused.length} refused, resumed by itself`;
  return { tried: refused.length, failures, figure };
}

export const heapLimit: FaultRow = {
  name: 'memory-limit',
  fault: 'Full load and slow readers under a small limit of memory',
  required: 'Every client is served, and the process does not run out of memory',
  injection: '--max-old-space-size=96, 30 readers that do not read',
  try: ({ tier }) =>
    withServer(
      ['-m', '32', '--snapshot', 'never'],
      async ({ server }) => {
        const client = await WireClient.connect(server.port);
        const value = 'v'.repeat(100_000);
        await client.line(`set hot 0 0 ${value.length}\r\n${value}\r\n`);
        const readers = await Promise.all(Array.from({ length: 30 }, () => open(server.port)));
        for (const reader of readers) reader.pause().write('get hot\r\n'.repeat(2000));
        const count = tier === 'fast' ? 1500 : 20_000;
        const wrong: string[] = [];
        for (let n = 0; n < count; n += 50) {
          const lot = Array.from({ length: 50 }, (_, i) =>
            client.line(`set m${n + i} 0 0 ${value.length}\r\n${value}\r\n`),
          );
          wrong.push(...(await Promise.all(lot)).filter((reply) => reply !== 'STORED'));
        }
        const peak = memoryBytes(server.pid, 'VmHWM');
        for (const reader of readers) reader.destroy();
        client.close();
        const figure = `${count} sets of 100 KB and ${readers.length} slow readers; at most ${megabytes(peak)} resident, of them 32 MB of hot values`;
        return { tried: count, failures: wrong.slice(0, 5), figure };
      },
      (launch) => ({ ...launch, env: { ...launch.env, NODE_OPTIONS: '--max-old-space-size=96' } }),
    ),
};

const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

export const clockJumps: FaultRow = {
  name: 'clock-jumps',
  fault:
    'The clock jumps back by an hour and forward by two, while it runs and across restarts; then it is ten years ahead for one life',
  required:
    'Nothing that expired comes back, nothing expires early while it runs; after the ten years the start is refused, and once accepted an absolute expiry is right',
  injection: 'libfaketime',
  try: jumpClock,
};

async function jumpClock(): Promise<Tried | Skipped> {
  if (findProgram(FAKETIME) === undefined && !isFile(FAKETIME)) return { needs: 'faketime' };
  const failures: string[] = [];
  const settings: Record<string, string> = {};
  let jumps = 0;
  return withServer(
    ['--snapshot', 'never'],
    async ({ server, folder }) => {
      const jumpTo = (offset: string): void => {
        jumps += 1;
        writeFileSync(join(folder, 'faketime'), `${offset}\n`);
      };
      const expect = async (key: string, there: boolean, when: string): Promise<void> => {
        const client = await WireClient.connect(server.port);
        const found = (await client.meta(`mg ${key} v\r\n`)) !== 'EN';
        client.close();
        if (found !== there) failures.push(`${when}: ${key} is ${found ? 'there' : 'gone'}`);
      };
      const client = await WireClient.connect(server.port);
      await client.line('set short 0 1 1\r\nx\r\n');
      await client.line('set long 0 3000 1\r\nx\r\n');
      await client.line('set never 0 0 1\r\nx\r\n');
      client.close();
      for (const offset of ['+2h', '-1h', '+0']) {
        jumpTo(offset);
        await expect('long', true, `running, ${offset}`);
        await expect('never', true, `running, ${offset}`);
      }
      await untilItems(server, 2);
      await expect('short', false, 'after its second');
      for (const offset of ['-1h', '-2h', '+0']) {
        // The seal that carries the store's clock is written in this time.
        await setTimeout(1200);
        await server.kill();
        jumpTo(offset);
        await server.restart();
        await expect('short', false, `restarted, ${offset}`);
        await expect('long', true, `restarted, ${offset}`);
        await expect('never', true, `restarted, ${offset}`);
      }
      await server.kill();
      jumpTo('+3650d');
      await server.restart();
      await expect('never', true, 'ten years ahead');
      await untilItems(server, 1);
      await server.kill();
      jumpTo('+0');
      const refusal = await server.restart().catch((error: unknown) => error);
      const code = refusal instanceof ServerFailure ? refusal.code : 'no refusal';
      if (code !== EXIT.system) failures.push(`ten years behind: ${code}`);
      settings['CAIRN_ACCEPT_CLOCK'] = '1';
      await server.restart();
      await expect('never', true, 'accepted');
      await expect('short', false, 'accepted');
      const last = await WireClient.connect(server.port);
      const soon = Math.floor(Date.now() / 1000) + 1000;
      await last.line(`set absolute 0 ${soon} 1\r\nx\r\n`);
      last.close();
      await expect('absolute', true, 'accepted');
      return { tried: jumps, failures, figure: `${jumps} jumps, 0 resurrected, 0 early` };
    },
    (launch, folder) => {
      writeFileSync(join(folder, 'faketime'), '+0\n');
      const env = Object.assign(settings, launch.env, {
        LD_PRELOAD: FAKETIME,
        FAKETIME_TIMESTAMP_FILE: join(folder, 'faketime'),
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      });
      return { ...launch, env };
    },
  );
}

/** Waits until the server holds `count` items: it forgets one only when its log shows a time at which the item was dead. */
async function untilItems({ port }: { readonly port: number }, count: number): Promise<void> {
  while ((await statsOf(port)).get('curr_items') !== count) await setTimeout(50);
}

function isFile(path: string): boolean {
  return run('sh', ['-c', `[ -f ${path} ] && echo yes || true`]).trim() === 'yes';
}
