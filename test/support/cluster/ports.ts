// Ports for the nodes of a cluster: all different, and still free when a node is killed and started again.

import { freePort } from '../free-port.js';

export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
