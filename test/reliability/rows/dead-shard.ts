// One shard of three hangs: its process is stopped, so that its connections stay open and nothing is refused. Requests to
// the other shards, through the same server, must not queue behind requests that wait for the dead shard.

import { withRedis } from '../../cluster/life.js';
import { Experience, Session } from '../../cluster/session.js';
import { ms, percentileOf } from '../life.js';
import { missingPackages } from '../machine.js';
import type { FaultRow, Skipped, Tried } from '../row.js';

/** Hash tags of the first shard and of the two others. */
const DEAD = 'b';
const ALIVE = ['c', 'a'];
/** The number of requests that wait for the dead shard, each over a connection of its own. */
const WAITING = 50;
/** The number of rounds is small enough to end long before the first waiting request gives up. */
const ROUNDS = 50;

export const deadShard: FaultRow = {
  name: 'redis-dead-shard',
  fault:
    'A master without a replica hangs while clients wait for it and others use the other shards',
  required:
    'Requests to the other shards are answered while all those to the dead one are open; these end with an error',
  injection: 'SIGSTOP of one of three masters; one server',
  try: tryDeadShard,
};

async function tryDeadShard(): Promise<Tried | Skipped> {
  const needs = missingPackages({ 'redis-server': 'redis-server', 'redis-cli': 'redis-tools' });
  if (needs !== undefined) return { needs };
  // The nodes do not notice within this time: the row tries the server's own queues.
  const options = { replicas: 0, query: 'replicas=0', nodeTimeoutMs: 15_000 };
  return withRedis(options, async ({ cluster, servers }) => {
    const { socket } = servers[0]!;
    const { signal } = new AbortController();
    const experience = new Experience();
    const session = (): Session => new Session(socket, experience, signal);
    const others = ALIVE.map(session);
    const useOthers = async (): Promise<number[]> => {
      const tookMs: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const startedMs = performance.now();
        const asked = others.map((each, at) => each.line(set(ALIVE[at]!, round)));
        const replies = await Promise.all(asked);
        tookMs.push(performance.now() - startedMs);
        if (replies.some(({ kind }) => kind !== 'answered'))
          throw new Error(JSON.stringify(replies));
      }
      return tookMs;
    };
    await useOthers();
    const before = await useOthers();
    cluster.nodes[0]!.signal('SIGSTOP');
    let open = WAITING;
    const clients = Array.from({ length: WAITING }, session);
    const waiting = clients.map(async (each, at) => {
      const answer = await each.line(set(DEAD, at));
      open -= 1;
      return answer;
    });
    const during = await useOthers();
    const openThen = open;
    const answers = await Promise.all(waiting);
    cluster.nodes[0]!.signal('SIGCONT');
    await Promise.all([...others, ...clients].map((each) => each.close()));
    const failures = experience.hangs.map((request) => `no answer to ${request}`);
    if (openThen < WAITING)
      failures.push(`${WAITING - openThen} waited no longer when the others were done`);
    const stored = answers.filter(({ kind }) => kind === 'answered').length;
    if (stored > 0) failures.push(`${stored} writes to the dead shard were acknowledged`);
    return {
      tried: during.length * ALIVE.length,
      failures,
      figure:
        `others' p50 ${ms(percentileOf(before, 50))} before, ${ms(percentileOf(during, 50))} during, ` +
        `p99 ${ms(percentileOf(before, 99))} before, ${ms(percentileOf(during, 99))} during; ` +
        `the ${WAITING} that waited got an error after ${ms(experience.slowestMs)} at most`,
    };
  });
}

function set(tag: string, number: number): string {
  return `set {${tag}}:dead-shard:${number} 0 0 1\r\nx\r\n`;
}
