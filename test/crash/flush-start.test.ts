// 100,000 calls of delete_prefix: a start after them takes about as long as a start after as many sets, and not the square
// of their number.

import { expect } from 'chai';
import { connect } from 'node:net';

import { ServerProcess, cairnLaunch } from '../../tools/torture/server-process.js';
import { temporaryFolder } from '../support/servers.js';
import { removeFolder } from '../support/remove-folder.js';

const CALLS = 100_000;
/** The number of lines that are sent before their answers are awaited. */
const LINES_AHEAD = 5_000;
/** The start after flushes may take this many times as long: test machines have other work. */
const RATIO_MAX = 10;

const dirs: string[] = [];
const servers: ServerProcess[] = [];

async function started(): Promise<ServerProcess> {
  const dir = temporaryFolder();
  dirs.push(dir);
  const server = await ServerProcess.start(cairnLaunch(dir));
  servers.push(server);
  return server;
}

/** Sends lines and waits for as many answers of one line each. */
async function pipeline(
  port: number,
  count: number,
  lineOf: (at: number) => string,
): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  let sent = 0;
  let answers = 0;
  const sendOn = (): void => {
    let lines = '';
    for (const end = Math.min(count, sent + LINES_AHEAD); sent < end; sent += 1)
      lines += lineOf(sent);
    socket.write(lines);
  };
  sendOn();
  for await (const data of socket) {
    for (const byte of data as Buffer) if (byte === 10) answers += 1;
    if (answers === count) break;
    if (answers === sent) sendOn();
  }
}

/** Returns the ms that the server took to recover its store. */
async function recoveryMs(port: number): Promise<number> {
  const text = await ask(port, 'stats\r\n', 'END\r\n');
  return Number(/STAT kv_recovery_ms (\d+)/.exec(text)?.[1]);
}

async function ask(port: number, line: string, end: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.write(line);
  for await (const data of socket) {
    text += String(data);
    if (text.endsWith(end)) break;
  }
  return text;
}

/** Starts again after a kill and after a stop; returns the times of both. */
async function restartTimes(lineOf: (at: number) => string): Promise<[number, number]> {
  const server = await started();
  await pipeline(server.port, 2000, (at) => `set kept${at} 0 0 4\r\nkept\r\n`);
  await pipeline(server.port, CALLS, lineOf);
  await server.kill();
  await server.restart();
  const killed = await recoveryMs(server.port);
  expect(await ask(server.port, 'get kept7\r\n', 'END\r\n')).to.include('kept\r\n');
  await server.stop();
  await server.restart();
  const stopped = await recoveryMs(server.port);
  expect(await ask(server.port, 'get kept7\r\n', 'END\r\n')).to.include('kept\r\n');
  await server.kill();
  return [killed, stopped];
}

describe('A store after 100,000 calls of delete_prefix @long', () => {
  after(async () => {
    for (const server of servers) await server.kill();
    for (const dir of dirs) removeFolder(dir);
  });

  it('starts about as fast as a store after as many sets', async function () {
    this.timeout(120_000);
    const sets = await restartTimes((at) => `set p${at}:abcdefgh 0 0 1\r\nx\r\n`);
    const flushes = await restartTimes((at) => `delete_prefix p${at}:abcdefgh\r\n`);
    console.log(
      `      ms after a kill, a stop: sets ${sets.join(', ')}; flushes ${flushes.join(', ')}`,
    );
    for (const [at, ms] of flushes.entries()) expect(ms).to.be.below(RATIO_MAX * (sets[at]! + 100));
  });
});
