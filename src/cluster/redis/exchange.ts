// One batch over one connection: its commands and the barrier in one pipeline, and what became of each operation.
//
// Invariant: an answer is `covered` only if the WAIT behind it was about a write that Redis executed after it.

import type { Redis } from 'ioredis';

import { acknowledgedBy, barrierOf, waitCommand, type Guarantee } from './guarantee.js';
import type { Operation } from './operation.js';
import { BARRIER } from './scripts.js';
import { meaningOf, type ReplyError } from './reply-errors.js';

export type Verdict =
  | { readonly kind: 'answer'; readonly reply: unknown }
  | { readonly kind: 'error'; readonly meaning: ReplyError; readonly message: string }
  /** The connection ended first: it may have been executed. */
  | { readonly kind: 'lost' };

export interface Exchanged {
  /** In the order of the batch. */
  readonly verdicts: readonly Verdict[];
  /** The answers are as durable as was asked for. */
  readonly isCovered: boolean;
  /** Replicas that have it; undefined: nobody asked. */
  readonly acknowledged: number | undefined;
}

type Reply = readonly [error: Error | null, reply: unknown];

/** Never rejects. A batch of nothing only asks whether a write reaches enough replicas. */
export async function exchange(
  redis: Redis,
  host: string,
  batch: readonly Operation[],
  guarantee: Guarantee,
  barrierKey: string,
): Promise<Exchanged> {
  const pipeline = redis.pipeline();
  const barrier = barrierOf(guarantee, batch);
  for (const { isAsking, command } of batch) {
    if (isAsking) pipeline.callBuffer('ASKING');
    pipeline.callBuffer(command.name, ...command.args);
  }
  if (barrier.isOwn) pipeline.callBuffer(...barrierCommand(batch, barrierKey));
  if (barrier.isAsked) pipeline.callBuffer(...waitCommand(guarantee));
  const replies = ((await pipeline.exec()) ?? []) as Reply[];
  let at = 0;
  const verdicts = batch.map(({ isAsking }) => {
    at += isAsking ? 2 : 1;
    return verdictOf(replies[at - 1], host);
  });
  if (!barrier.isAsked) {
    const isCovered = !barrier.isOwn || replies.at(-1)?.[0] === null;
    return { verdicts, isCovered, acknowledged: undefined };
  }
  const [written, waited] = replies.slice(-2);
  if (waited === undefined || waited[0] !== null || written === undefined) {
    return { verdicts, isCovered: false, acknowledged: undefined };
  }
  if (!barrier.isOwn && written[0] !== null) {
    // The write that the WAIT was to be about was refused: what stood before it has no barrier yet.
    return { ...(await exchange(redis, host, [], guarantee, barrierKey)), verdicts };
  }
  const acknowledged = acknowledgedBy(waited[1]);
  const isCovered = acknowledged >= guarantee.replicas && written[0] === null;
  return { verdicts, isCovered, acknowledged };
}

/** After a failure a real write, which a full disk would refuse. */
function barrierCommand(batch: readonly Operation[], key: string): [string, ...string[]] {
  return batch.length === 0 ? ['SET', key, '1'] : ['EVAL', BARRIER, '1', key];
}

function verdictOf(reply: Reply | undefined, host: string): Verdict {
  if (reply === undefined) return { kind: 'lost' };
  const [error, answer] = reply;
  if (error === null) return { kind: 'answer', reply: answer };
  if (error.name !== 'ReplyError') return { kind: 'lost' };
  return { kind: 'error', meaning: meaningOf(error.message, host), message: error.message };
}
