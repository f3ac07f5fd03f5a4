// A server whose loop is watched from inside (loop-watch.ts) and from outside, by a client that reads one key without a
// pause for as long as an operation runs.

import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import type { Launch } from '../../../tools/torture/server-process.js';
import { WireClient } from '../../../tools/torture/wire-client.js';

export interface Stall {
  /** The longest turn of the loop. */
  readonly turnMs: number;
  /** The longest time that a read waited for its reply, with everything else that the machine did. */
  readonly readMs: number;
}

const WATCH = join(import.meta.dirname, 'loop-watch.js');

/** Returns the same server with its loop watched; it reports at `socketPath`. */
export function watchLaunch(launch: Launch, socketPath: string): Launch {
  return {
    ...launch,
    args: ['--import', WATCH, ...launch.args],
    env: { ...launch.env, CAIRN_TEST_LOOP_SOCKET: socketPath },
    startTimeoutMs: 120_000,
  };
}

/** Returns the longest turn since the last call. */
export async function longestTurnMs(socketPath: string): Promise<number> {
  const socket = connect(socketPath);
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => (text += chunk));
  await once(socket, 'close');
  return (JSON.parse(text) as { longestMs: number }).longestMs;
}

/** Returns the longest turn of the loop, and the longest wait of a reader, while `operation` ran. */
export async function stallOf(
  port: number,
  socketPath: string,
  operation: () => Promise<void>,
): Promise<Stall> {
  const prober = await WireClient.connect(port);
  await longestTurnMs(socketPath);
  let readMs = 0;
  const operating = { isDone: false };
  const probing = (async () => {
    while (!operating.isDone) {
      const startedMs = performance.now();
      await prober.meta('mg probed v\r\n');
      readMs = Math.max(readMs, performance.now() - startedMs);
      await setTimeout(1);
    }
  })();
  try {
    await operation();
  } finally {
    operating.isDone = true;
  }
  await probing;
  prober.close();
  return { turnMs: await longestTurnMs(socketPath), readMs };
}
