// Different ports for the nodes of a cluster, which are still free when a node is killed and started again.

import { freePort } from '../free-port.js';

export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
