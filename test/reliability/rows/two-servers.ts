// Fifty clients over two servers change the same three keys of one cluster.

import { withEtcd, withRedis, type ClusterLife } from '../../cluster/life.js';
import { Experience, Session } from '../../cluster/session.js';
import { SharedKeys } from '../../cluster/shared-keys.js';
import { missingPackages } from '../machine.js';
import type { Budget, FaultRow, Skipped, Tried } from '../row.js';

const CLIENTS = 50;
const REQUIRED = 'incr, append and cas come out exact; nothing is refused, no outcome is unknown';

export const etcdTwoServers: FaultRow = {
  name: 'etcd-two-servers',
  fault: 'Fifty clients change the same keys through two servers over one etcd cluster',
  required: REQUIRED,
  injection: 'incr, append, gets and cas as fast as answers come',
  try: (budget) => {
    const needs = missingPackages({ etcd: 'etcd-server' });
    return changeTogether(needs, budget, (body) => withEtcd({}, body));
  },
};

export const redisTwoServers: FaultRow = {
  name: 'redis-two-servers',
  fault: 'Fifty clients change the same keys through two servers over one Redis cluster',
  required: REQUIRED,
  injection: 'incr, append, gets and cas as fast as answers come',
  try: (budget) => {
    const needs = missingPackages({ 'redis-server': 'redis-server', 'redis-cli': 'redis-tools' });
    return changeTogether(needs, budget, (body) => withRedis({ replicas: 1 }, body));
  },
};

type WithLife = (body: (life: ClusterLife) => Promise<Tried>) => Promise<Tried>;

async function changeTogether(
  needs: string | undefined,
  { tier }: Budget,
  withLife: WithLife,
): Promise<Tried | Skipped> {
  if (needs !== undefined) return { needs };
  const changes = tier === 'long' ? 200 : 5;
  return withLife(async ({ servers }) => {
    const experience = new Experience();
    const { signal } = new AbortController();
    const shared = new SharedKeys('together');
    const sessions = Array.from({ length: CLIENTS }, (_, at) => {
      const { socket } = servers[at % servers.length]!;
      return new Session(socket, experience, signal);
    });
    const first = sessions[0]!;
    await shared.create(first);
    await Promise.all(
      sessions.map(async (session) => {
        for (let count = 0; count < changes; count++) await shared.change(session);
      }),
    );
    const failures = await shared.judge(first);
    for (const [error, count] of experience.errors) failures.push(`${count} times: ${error}`);
    failures.push(...experience.hangs);
    await Promise.all(sessions.map((session) => session.close()));
    const { incremented, appended, swapped } = shared.counts;
    const figure = `${incremented} incr, ${appended} append and ${swapped} cas, all exact`;
    return { tried: incremented + appended + swapped, failures, figure };
  });
}
