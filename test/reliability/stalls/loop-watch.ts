// Loaded into a server before its own code (node --import): measures the longest turn of its loop since the last question.
// A client that connects to the socket in CAIRN_TEST_LOOP_SOCKET gets it, in one line of JSON.
//
// A turn shows as the delay of a timer of 1 ms. On a machine with much other work the delay alone does not measure the
// server. So the time for which the server's thread was ready while others ran is subtracted, and no more counts than
// the thread computed (Linux: schedstat). This leaves out what others' work does to the collector's threads.

import { closeSync, openSync, readSync } from 'node:fs';
import { createServer } from 'node:net';
import { isMainThread } from 'node:worker_threads';

const path = process.env['CAIRN_TEST_LOOP_SOCKET'];
/** The kernel updates the time that a running thread computed once per this many ms. */
const TICK_MS = 4;

function watchLoop(socketPath: string): void {
  const schedule = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  process.on('exit', () => closeSync(schedule));
  const text = Buffer.alloc(128);
  /** The ms for which the thread computed, and for which it waited for a processor. */
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
    // This runs after the timer has seen this turn and the turns before it.
    setTimeout(() => {
      socket.end(`${JSON.stringify({ longestMs })}\n`);
      longestMs = 0;
    }, 5);
  });
  server.listen(socketPath);
  server.unref();
}

if (isMainThread && path !== undefined) watchLoop(path);
