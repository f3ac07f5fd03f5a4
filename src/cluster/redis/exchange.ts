// Exchange: sends one batch and its barrier over one connection as a pipeline, and reports what became of each operation.
//
// Invariant: an answer is `covered` only if the WAIT behind it was about a write that Redis executed after the answer.

import type { Redis } from 'ioredis';

import { acknowledgedBy, barrierOf, waitCommand, type Guarantee } from './guarantee.js';
import type { Operation } from './operation.js';
import { meaningOf, type ReplyError } from './reply-errors.js';
import { BARRIER } from './scripts.js';
import { ownKey } from './slots.js';

export type Verdict =
  | { readonly kind: 'answer'; readonly reply: unknown }
  | { readonly kind: 'error'; readonly meaning: ReplyError; readonly message: string }
  /** The connection ended first: the operation may have been executed. */
  | { readonly kind: 'lost' };

export interface Exchanged {
  /** One per operation, in the order of the batch. */
  readonly verdicts: readonly Verdict[];
  /** The answers are as durable as was asked for. */
  readonly isCovered: boolean;
  /** Number of replicas that have the batch; undefined: it was not asked for. */
  readonly acknowledged: number | undefined;
}

/** The error of ioredis for a command that it did not write. */
const NOT_SENT = "Stream isn't writeable";

type Reply = readonly [error: Error | null, reply: unknown];

/** Sends the batch. Never rejects. An empty batch only asks whether a write reaches enough replicas. */
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
    // A node that is only being given a slot takes commands for it after ASKING alone.
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
    // The write that WAIT was to be about was refused: the operations before it have no barrier yet.
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
