// One batch over one connection: its commands and the barrier in one pipeline, and what became of each operation.
//
// Invariant: an answer is `covered` only if the WAIT behind it was about a write that Redis executed after it.

import type { Redis } from 'ioredis';

import { acknowledgedBy, barrierOf, waitCommand, type Guarantee } from './guarantee.js';
import type { Operation } from './operation.js';
import { meaningOf, type ReplyError } from './reply-errors.js';
import { BARRIER } from './scripts.js';
import { ownKey } from './slots.js';

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

/** What ioredis says of a command that it did not even write. */
const NOT_SENT = "Stream isn't writeable";

type Reply = readonly [error: Error | null, reply: unknown];

/** Never rejects. A batch of nothing only asks whether a write reaches enough replicas. */
export async function exchange(
  redis: Redis,
  host: string,
  batch: readonly Operation[],
  guarantee: Guarantee,
  barrierKey: Buffer,
): Promise<Exchanged> {
  const pipeline = redis.pipeline();
  const barrier = barrierOf(guarantee, batch);
  for (const { isAsking, command } of batch) {
    if (isAsking) pipeline.callBuffer('ASKING');
    pipeline.callBuffer(command.name, ...command.args);
  }
  if (barrier.isOwn) {
    const last = batch.at(-1);
    // Whoever is only given a slot takes nothing for others yet.
    const key = last?.isAsking === true ? ownKey(last.target.slot) : barrierKey;
    if (last?.isAsking === true) pipeline.callBuffer('ASKING');
    pipeline.callBuffer('EVAL', BARRIER, '1', key);
  }
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

function verdictOf(reply: Reply | undefined, host: string): Verdict {
  if (reply === undefined) return { kind: 'lost' };
  const [error, answer] = reply;
  if (error === null) return { kind: 'answer', reply: answer };
  if (error.message.startsWith(NOT_SENT)) {
    return { kind: 'error', meaning: { kind: 'later', loadsScripts: false }, message: NOT_SENT };
  }
  if (error.name !== 'ReplyError') return { kind: 'lost' };
  return { kind: 'error', meaning: meaningOf(error.message, host), message: error.message };
}
