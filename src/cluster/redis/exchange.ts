// Exchange: sends one batch and its barrier over one connection as a pipeline, and reports what became of each operation.
//
// Invariant: an answer is `covered` only if the WAIT behind it was about a write that Redis executed after the answer.

import type { Redis } from 'ioredis';

import { acknowledgedBy, barrierOf, waitCommand, type Guarantee } from './guarantee.js';
import type { Bundle } from './bundles.js';
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

const LEFT: Verdict = { kind: 'error', meaning: { kind: 'left' }, message: 'not executed' };

type Reply = readonly [error: Error | null, reply: unknown];

/** Sends a batch in its bundles. Never rejects. An empty batch only asks whether a write reaches enough replicas. */
export async function exchange(
  redis: Redis,
  host: string,
  bundles: readonly Bundle[],
  guarantee: Guarantee,
  barrierKey: Buffer,
): Promise<Exchanged> {
  const pipeline = redis.pipeline();
  const last = bundles.at(-1)?.operations.at(-1);
  const barrier = barrierOf(guarantee, bundles);
  for (const { operations, call } of bundles) {
    const { isAsking, command } = operations[0]!;
    if (isAsking) pipeline.callBuffer('ASKING');
    if (call === undefined) pipeline.callBuffer(command.name, ...command.args);
    else pipeline.callBuffer(...call);
  }
  if (barrier.isOwn) {
    // A node that is only being given a slot takes commands for it after ASKING alone.
    const key = last?.isAsking === true ? ownKey(last.target.slot) : barrierKey;
    if (last?.isAsking === true) pipeline.callBuffer('ASKING');
    pipeline.callBuffer('EVAL', BARRIER, '1', key);
  }
  if (barrier.isAsked) pipeline.callBuffer(...waitCommand(guarantee));
  const replies = ((await pipeline.exec()) ?? []) as Reply[];
  const verdicts = verdictsOf(bundles, replies, host);
  if (!barrier.isAsked) {
    const isCovered = !barrier.isOwn || replies.at(-1)?.[0] === null;
    return { verdicts, isCovered, acknowledged: undefined };
  }
  const [written, waited] = replies.slice(-2);
  if (waited === undefined || waited[0] !== null || written === undefined) {
    return { verdicts, isCovered: false, acknowledged: undefined };
  }
  if (!barrier.isOwn && verdicts.at(-1)?.kind !== 'answer') {
    // The write that WAIT was to be about was refused: the operations before it have no barrier yet.
    return { ...(await exchange(redis, host, [], guarantee, barrierKey)), verdicts };
  }
  const acknowledged = acknowledgedBy(waited[1]);
  const isCovered = acknowledged >= guarantee.replicas && written[0] === null;
  return { verdicts, isCovered, acknowledged };
}

function verdictsOf(
  bundles: readonly Bundle[],
  replies: readonly Reply[],
  host: string,
): Verdict[] {
  const verdicts: Verdict[] = [];
  let at = 0;
  for (const { operations, call } of bundles) {
    if (operations[0]!.isAsking) at += 1;
    const reply = replies[at];
    at += 1;
    const answers = call === undefined || reply?.[0] !== null ? undefined : reply[1];
    if (Array.isArray(answers)) {
      for (const answer of answers) {
        const each: Reply = answer instanceof Error ? [answer, undefined] : [null, answer];
        verdicts.push(verdictOf(each, host));
      }
      for (let count = answers.length; count < operations.length; count += 1) verdicts.push(LEFT);
    } else {
      const verdict = verdictOf(reply, host);
      for (let count = operations.length; count > 0; count -= 1) verdicts.push(verdict);
    }
  }
  return verdicts;
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
