// Loaded into a server before its own code (node --import): how long the longest turn of its loop was since it
// was asked last. Whoever connects to the socket that CAIRN_TEST_LOOP_SOCKET names is told, in one line of JSON.
//
// A timer of 1 ms shows a turn as the time by which it comes late. On a machine that runs much else beside, that
// is no measure of the server: so the time is taken off for which its thread was ready and others ran, and no more
// counts than it computed (Linux: schedstat), which leaves out what others' work does to the collector's threads.

import { closeSync, openSync, readSync } from 'node:fs';
import { createServer } from 'node:net';
import { isMainThread } from 'node:worker_threads';

const path = process.env['CAIRN_TEST_LOOP_SOCKET'];
/** The kernel counts what a running thread computed once in so many ms. */
const TICK_MS = 4;

function watchLoop(socketPath: string): void {
  const schedule = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  process.on('exit', () => closeSync(schedule));
  const text = Buffer.alloc(128);
  /** Ms for which the thread computed, and for which it waited for a processor. */
  const spent = (): readonly [computedMs: number, waitedMs: number] => {
    const count = readSync(schedule, text, 0, text.length, 0);
    const [computed, waited] = text.toString('latin1', 0, count).split(' ');
    return [Number(computed) / 1e6, Number(waited) / 1e6];
  };
  let longestMs = 0;
  let lastMs = performance.now();
  let [lastComputedMs, lastWaitedMs] = spent();
  setInterval(() => {
    const nowMs = performance.now();
    const [computedMs, waitedMs] = spent();
    const turnMs = nowMs - lastMs - (waitedMs - lastWaitedMs);
    longestMs = Math.max(longestMs, Math.min(turnMs, computedMs - lastComputedMs + TICK_MS));
    lastMs = nowMs;
    [lastComputedMs, lastWaitedMs] = [computedMs, waitedMs];
  }, 1).unref();
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    // After the timer has seen this turn and those before it.
    setTimeout(() => {
      socket.end(`${JSON.stringify({ longestMs })}\n`);
      longestMs = 0;
    }, 5);
  });
  server.listen(socketPath);
  server.unref();
}

if (isMainThread && path !== undefined) watchLoop(path);
