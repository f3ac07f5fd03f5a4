// The loop of the read thread: does the small reads of the ring one after the other and sleeps when there is
// none. It posts the client one message for all reads that are done until the client looks.

import fs from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

import { assert } from '../assert.js';
import { ASKED, DONE, ReadRing, TOLD } from './read-ring.js';

const channel = parentPort;
assert(channel !== null, 'read-thread-loop is run as a thread');
const ring = new ReadRing(workerData as SharedArrayBuffer);
const { state } = ring;

for (let number = 0; ; number = (number + 1) | 0) {
  while (Atomics.load(state, ASKED) === number) Atomics.wait(state, ASKED, number);
  ring.serve(number, fs.readSync);
  Atomics.store(state, DONE, (number + 1) | 0);
  if (Atomics.exchange(state, TOLD, 1) === 0) channel.postMessage(0);
}
