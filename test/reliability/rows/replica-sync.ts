// A replica whose syncs are slow. WAIT counts it only when it has synced, so every acknowledgement takes at least that
// long. If one came sooner, the write would be on one disk alone.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { withRedis } from '../../cluster/life.js';
import { Experience, Session } from '../../cluster/session.js';
import { findProgram } from '../../support/programs.js';
import { ms } from '../life.js';
import { isRoot, missingPackages } from '../machine.js';
import type { Budget, FaultRow, Skipped, Tried } from '../row.js';

const DELAY_MS = 200;
/** Hash tag of the first shard, whose replica is slow. */
const SLOW = 'b';

export const replicaSync: FaultRow = {
  name: 'redis-replica-sync',
  fault: `Every sync of a replica takes ${DELAY_MS} ms`,
  required: 'No write of its shard is acknowledged sooner: it is on two disks',
  injection: 'strace -e inject=fdatasync:delay_enter on the replica; WAIT 1',
  try: tryReplicaSync,
};

async function tryReplicaSync({ tier }: Budget): Promise<Tried | Skipped> {
  const packages = { 'redis-server': 'redis-server', 'redis-cli': 'redis-tools', strace: 'strace' };
  const needs = missingPackages(packages);
  if (needs !== undefined) return { needs };
  if (!isRoot()) return { needs: 'root' };
  return withRedis({ replicas: 1 }, async ({ cluster, servers }) => {
    const replica = cluster.nodes.find(({ name }) => name === 'redis-1-replica-1');
    const tracer = await delaySyncs(replica?.pid ?? 0);
    const experience = new Experience();
    const { signal } = new AbortController();
    const session = new Session(servers[0]!.socket, experience, signal);
    const failures: string[] = [];
    const tookMs: number[] = [];
    const writes = tier === 'long' ? 200 : 8;
    for (let number = 0; number < writes; number++) {
      const startedMs = performance.now();
      const answer = await session.line(`set {${SLOW}}:sync:${number} 0 0 1\r\nx\r\n`);
      tookMs.push(performance.now() - startedMs);
      if (answer.kind !== 'answered') failures.push(JSON.stringify(answer));
    }
    tracer.kill();
    await once(tracer, 'exit');
    await session.close();
    const least = Math.min(...tookMs);
    if (least < DELAY_MS) failures.push(`a write was acknowledged after ${ms(least)}`);
    return {
      tried: writes,
      failures,
      figure: `${writes} writes acknowledged after ${ms(least)} to ${ms(Math.max(...tookMs))}`,
    };
  });
}

/** Resolves when strace delays the process's syncs; killing strace ends the delay. */
async function delaySyncs(pid: number): Promise<ChildProcess> {
  const inject = `inject=fdatasync:delay_enter=${DELAY_MS * 1000}`;
  const tracer = spawn(
    findProgram('strace') ?? 'strace',
    ['-f', '-p', String(pid), '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', inject],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  while (!said.includes('attached')) {
    const [chunk] = (await once(tracer.stderr, 'data')) as [Buffer];
    said += chunk.toString();
  }
  return tracer;
}
