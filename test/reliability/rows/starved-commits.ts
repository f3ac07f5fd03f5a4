// Commits that strangers and clients try to starve through libuv's pool, which commits share: with passwords to be hashed,
// reads of values that are not in memory, and large values. Commits go on meanwhile.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { composePasswordDigest } from '../../../src/password-digest.js';
import { WireClient } from '../../../tools/torture/wire-client.js';
import { findProgram } from '../../support/programs.js';
import { temporaryFolder } from '../../support/servers.js';
import { ms, percentileOf, withServer } from '../life.js';
import { isRoot } from '../machine.js';
import type { Budget, FaultRow, Skipped, Tried } from '../row.js';
import { removeFolder } from '../../support/remove-folder.js';

/** Common clients give up after this time. */
const SET_MS_MAX = 500;
const LOGIN_MS_MAX = 3000;
const WRONG = 'CLIENT_ERROR authentication failure';

const loginLine = (pair: string): string => `set x 0 0 ${pair.length}\r\n${pair}\r\n`;

/** Does sets by a client that has logged in, for as long as `isOver` says no; returns the ms that each took. */
async function setsUntil(client: WireClient, isOver: () => boolean): Promise<number[]> {
  const took: number[] = [];
  while (!isOver()) {
    const startedMs = performance.now();
    const reply = await client.line('set beside 0 0 5\r\nhello\r\n');
    if (reply !== 'STORED') throw new Error(`A set beside them was answered ${reply}`);
    took.push(performance.now() - startedMs);
    await setTimeout(5);
  }
  return took;
}

async function timed<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly tookMs: number }> {
  const startedMs = performance.now();
  const result = await work();
  return { result, tookMs: performance.now() - startedMs };
}

/** Logs in from an address of the loopback network that no other client uses. */
async function loginFrom(localAddress: string, port: number, pair: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  socket.write(loginLine(pair));
  const [reply] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return reply.toString('latin1').trimEnd();
}

/** One client that tries one password after the other, and connects again for every second one. */
async function guess(port: number, name: string, isOver: () => boolean): Promise<number> {
  let guesses = 0;
  while (!isOver()) {
    const client = await WireClient.connect(port);
    // A check that is still running in the end would only take the row's time.
    const end = setInterval(() => isOver() && client.close(), 100);
    for (let n = 0; n < 2; n++) {
      const reply = await client.line(loginLine(`ann ${name}-${guesses}`)).catch(() => 'closed');
      if (reply === 'STORED') throw new Error('A guess came in');
      if (reply === WRONG) guesses += 1;
    }
    clearInterval(end);
    client.close();
  }
  return guesses;
}

const userLine = (name: string): string => `${name}:${composePasswordDigest(`${name}-right`)}\n`;

export const passwordGuessing: FaultRow = {
  name: 'password-guessing',
  fault:
    '100 connections guess passwords of $scrypt$ lines, and others vanish while they are checked',
  required: 'Commits go on as before, a right login from elsewhere is quick',
  injection: 'text logins, each with another password',
  try: async (budget) => {
    const folder = temporaryFolder();
    const users = join(folder, 'users');
    writeFileSync(users, ['ann', 'bob', 'cleo'].map(userLine).join(''));
    try {
      return await withServer(['-Y', users], ({ server }) => guessAll(server.port, budget));
    } finally {
      removeFolder(folder);
    }
  },
};

const GUESSERS = 100;

async function guessAll(port: number, { tier }: Budget): Promise<Tried> {
  const lastsMs = tier === 'fast' ? 5000 : 60_000;
  const failures: string[] = [];
  const logIn = async (who: string, address: string, pair: string): Promise<number> => {
    const { result, tookMs } = await timed(() => loginFrom(address, port, pair));
    const isFine = result === 'STORED' && tookMs <= LOGIN_MS_MAX;
    if (!isFine) failures.push(`${who}: ${result} after ${ms(tookMs)}`);
    return tookMs;
  };
  const client = await WireClient.connect(port);
  await client.line(loginLine('ann ann-right'));
  const alone = await setsUntil(client, overIn(500));
  const isOver = overIn(lastsMs);
  const attack = Promise.all(
    Array.from({ length: GUESSERS }, (_, n) => guess(port, `guess${n}`, isOver)),
  );
  const logins = (async () => {
    await setTimeout(lastsMs / 3);
    await logIn('a login that was right before', '127.0.0.1', 'ann ann-right');
    return logIn('a right login from elsewhere', '127.0.0.2', 'bob bob-right');
  })();
  const beside = await setsUntil(client, isOver);
  const [guesses, elsewhereMs] = await Promise.all([attack, logins]);
  await vanish(port);
  const afterMs = await logIn('after clients that vanished', '127.0.0.3', 'cleo cleo-right');
  client.close();
  const longest = Math.max(...beside);
  if (longest > SET_MS_MAX) failures.push(`a set took ${ms(longest)}`);
  const tried = guesses.reduce((sum, one) => sum + one, 0);
  const figure =
    `${tried} guesses in ${lastsMs / 1000} s; p99 of a set ${ms(percentileOf(alone, 99))} before, ` +
    `${ms(percentileOf(beside, 99))} beside them, longest ${ms(longest)}; right login from ` +
    `elsewhere ${ms(elsewhereMs)}, after ${GUESSERS} who vanished ${ms(afterMs)}`;
  return { tried, failures, figure };
}

function overIn(lastsMs: number): () => boolean {
  const endsMs = performance.now() + lastsMs;
  return () => performance.now() >= endsMs;
}

/** Makes clients that send a login and close before it is answered. */
async function vanish(port: number): Promise<void> {
  const sockets: Socket[] = [];
  for (let n = 0; n < GUESSERS; n++) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => socket.destroy());
    await once(socket, 'connect');
    socket.write(loginLine(`ann vanished-${n}`));
    sockets.push(socket);
  }
  for (const socket of sockets) socket.destroy();
}

const READ_DELAY_MS = 100;

export const poolFlood: FaultRow = {
  name: 'pool-flood',
  fault:
    'Every read of the disk takes 100 ms, and clients ask for what is not in memory and send large values',
  required: 'Commits do not wait for them',
  injection: 'strace -e inject=pread64:delay_enter on a running server, pipelined gets',
  try: tryPoolFlood,
};

const VALUE_BYTES = 100_000;
const KEYS = 400;

async function tryPoolFlood({ tier }: Budget): Promise<Tried | Skipped> {
  const strace = findProgram('strace');
  if (!isRoot()) return { needs: 'root' };
  if (strace === undefined) return { needs: 'strace' };
  return withServer(['-m', '16', '-I', '8m'], async ({ server: { port, pid } }) => {
    const client = await WireClient.connect(port);
    const value = 'v'.repeat(VALUE_BYTES);
    for (let n = 0; n < KEYS; n++)
      await client.line(`set k${n} 0 0 ${VALUE_BYTES}\r\n${value}\r\n`);
    const words = ['-f', '-p', `${pid}`, '-o', '/dev/null', '-e', 'trace=pread64'];
    const inject = `inject=pread64:delay_enter=${READ_DELAY_MS * 1000}`;
    const tracer = spawn(strace, [...words, '-e', inject], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    while (!said.includes('attached')) said += String((await once(tracer.stderr, 'data'))[0]);
    const isOver = overIn(tier === 'fast' ? 4000 : 30_000);
    const sockets: Socket[] = [];
    for (let n = 0; n < 50; n++) {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.on('error', () => socket.destroy());
      await once(socket, 'connect');
      const keys = Array.from({ length: KEYS }, (_, key) => `get k${(key + n * 7) % KEYS}\r\n`);
      socket.resume().write(keys.join(''));
      sockets.push(socket);
    }
    const large = 'w'.repeat(3 * 1024 * 1024);
    const upload = async (n: number): Promise<number> => {
      const sender = await WireClient.connect(port);
      let sent = 0;
      while (!isOver()) {
        await sender.line(`set large${n} 0 0 ${large.length}\r\n${large}\r\n`);
        sent += 1;
      }
      sender.close();
      return sent;
    };
    const uploads = Promise.all(Array.from({ length: 8 }, (_, n) => upload(n)));
    const beside = await setsUntil(client, isOver);
    const sent = (await uploads).reduce((sum, one) => sum + one, 0);
    for (const socket of sockets) socket.destroy();
    tracer.kill();
    await once(tracer, 'exit');
    client.close();
    const longest = Math.max(...beside);
    const failures = longest > SET_MS_MAX ? [`a set took ${ms(longest)}`] : [];
    const figure =
      `${beside.length} sets beside 50 clients that ask for ${KEYS} values of 100 KB each and ` +
      `${sent} uploads of 3 MB; median ${ms(percentileOf(beside, 50))}, longest ${ms(longest)}`;
    return { tried: beside.length, failures, figure };
  });
}
