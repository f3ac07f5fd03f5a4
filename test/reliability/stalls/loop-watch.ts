// Loaded into a server before its own code (node --import): how long the longest turn of its loop was since it
// was asked last. Whoever connects to the socket that CAIRN_LOOP_SOCKET names is told, in one line of JSON.
//
// A timer of 1 ms shows a turn as the time by which it comes late. Of that the time is taken off for which the
// thread was ready and the machine ran others (Linux: schedstat): it says nothing of the server.

import { closeSync, openSync, readSync } from 'node:fs';
import { createServer } from 'node:net';
import { isMainThread } from 'node:worker_threads';

const path = process.env['CAIRN_LOOP_SOCKET'];
if (isMainThread && path !== undefined) watchLoop(path);

function watchLoop(socketPath: string): void {
  const schedule = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  process.on('exit', () => closeSync(schedule));
  const text = Buffer.alloc(128);
  /** Ms for which the thread waited for a processor. */
  const waitedMs = (): number => {
    const count = readSync(schedule, text, 0, text.length, 0);
    return Number(text.toString('latin1', 0, count).split(' ')[1]) / 1e6;
  };
  let longestMs = 0;
  let lastMs = performance.now();
  let lastWaitedMs = waitedMs();
  setInterval(() => {
    const nowMs = performance.now();
    const nowWaitedMs = waitedMs();
    longestMs = Math.max(longestMs, nowMs - lastMs - (nowWaitedMs - lastWaitedMs));
    lastMs = nowMs;
    lastWaitedMs = nowWaitedMs;
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
