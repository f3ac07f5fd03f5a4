// The first file of every background thread: loads the module that startWorker named and runs it with an Env of
// its own. The Env's logger posts each message to the main thread, whose logger prints it.
// Invariant: where processors are scarce, the main thread has the higher priority.

import os from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

import { assert } from '../assert.js';
import type { Env, Logger, Port } from './env.js';
import { nodeThreadEnv } from './node-env.js';

const NICE_MAX = 19;

const { module, input, nicerBy } = workerData as {
  module: string;
  input: unknown;
  nicerBy: number;
};

// Only Linux has a priority per thread; elsewhere this call would change the whole process.
if (process.platform === 'linux') {
  os.setPriority(Math.min(os.getPriority() + nicerBy, NICE_MAX));
}

const channel = parentPort;
assert(channel !== null, 'worker-entry is run as a thread');

const forward =
  (level: keyof Logger): Logger[keyof Logger] =>
  (text, fields) =>
    channel.postMessage({ log: { level, text, fields } });
const logger: Logger = {
  debug: forward('debug'),
  info: forward('info'),
  warn: forward('warn'),
  error: forward('error'),
};
const port: Port = {
  post: (message, transfer) => channel.postMessage(message, transfer ?? []),
  onMessage: (call) => void channel.on('message', call),
};

const { run } = (await import(module)) as {
  run: (env: Env, port: Port, input: unknown) => Promise<void>;
};
await run(nodeThreadEnv(logger), port, input);
channel.close();
