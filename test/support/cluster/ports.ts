// Ports of the loopback for nodes that are killed and started again: a port must still be free then, so it lies below
// those that the system gives to connections.

import { once } from 'node:events';
import net from 'node:net';

const FIRST = 12_000;
/** Linux gives connections ports from 32,768 on. */
const BEHIND = 32_000;

/** `count` different ports that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST + Math.floor(Math.random() * (BEHIND - FIRST));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const listener = net.createServer();
  try {
    listener.listen(port, '127.0.0.1');
    await once(listener, 'listening');
  } catch {
    // Somebody has it: the next one is tried.
    return false;
  }
  listener.close();
  await once(listener, 'close');
  return true;
}
