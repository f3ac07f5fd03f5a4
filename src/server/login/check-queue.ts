// The queue of password checks that wait for the thread: orders them and drops the excess. Pure: no thread, no clock.
//
// Invariants:
// - At most CHECKS_PER_ORIGIN_MAX checks of one origin wait, and CHECKS_MAX in total. Logins with the same
//   user and password share a check, so that a fleet that reconnects at once takes one place.
// - The next check is one of the origin with the fewest failures: while one address guesses, a login from another
//   address goes before all the guesses. Among those, the connection with the fewest failures goes first, then the
//   newest check: under a flood, the client that has waited longest has most likely given up.
// - When a bound is exceeded, the last check in that order is dropped, which need not be the newest.

import type { Origin } from './origins.js';

export const CHECKS_PER_ORIGIN_MAX = 64;
export const CHECKS_MAX = 1024;

/** A login that waits for a check. */
export interface LoginAttempt {
  readonly origin: Origin;
  /** Failed logins of its connection. */
  readonly failures: number;
  /** The client sends nothing more; most likely it has gone. */
  hasEnded: boolean;
}

export class Check<W extends LoginAttempt = LoginAttempt> {
  readonly pair: string;
  readonly user: Buffer;
  readonly password: Buffer;
  readonly waiters = new Set<W>();
  /** The origin for which the check counts: among those of its logins, the one with the fewest failures on joining. */
  origin: Origin;
  /** Grows with each check. */
  readonly order: number;

  constructor(pair: string, user: Buffer, password: Buffer, origin: Origin, order: number) {
    this.pair = pair;
    this.user = user;
    this.password = password;
    this.origin = origin;
    this.order = order;
  }
}

export class CheckQueue<W extends LoginAttempt = LoginAttempt> {
  readonly #checks = new Map<string, Check<W>>();
  #lastOrder = 0;

  get size(): number {
    return this.#checks.size;
  }

  /** Adds a login; returns the check that was dropped for it, which may be its own. */
  join(
    pair: string,
    user: Buffer,
    password: Buffer,
    waiter: W,
    nowMs: number,
  ): Check<W> | undefined {
    const { origin } = waiter;
    const known = this.#checks.get(pair);
    if (known !== undefined) {
      known.waiters.add(waiter);
      if (origin.failures(nowMs) < known.origin.failures(nowMs)) this.#move(known, origin);
      return this.#excess(known.origin, nowMs);
    }
    this.#lastOrder += 1;
    const check = new Check<W>(pair, user, password, origin, this.#lastOrder);
    check.waiters.add(waiter);
    this.#checks.set(pair, check);
    origin.checks += 1;
    return this.#excess(origin, nowMs);
  }

  /** Removes a login whose client has gone, and its check when no other login waits for it. */
  leave(pair: string, waiter: W): void {
    const check = this.#checks.get(pair);
    if (check?.waiters.delete(waiter) === true && check.waiters.size === 0) this.#remove(check);
  }

  /** Takes the next check out of the queue. */
  take(nowMs: number): Check<W> | undefined {
    let best: Check<W> | undefined;
    for (const check of this.#checks.values()) {
      if (best === undefined || isBefore(check, best, nowMs)) best = check;
    }
    if (best !== undefined) this.#remove(best);
    return best;
  }

  /** Takes all checks out of the queue. */
  takeAll(): Check<W>[] {
    const all = [...this.#checks.values()];
    for (const check of all) this.#remove(check);
    return all;
  }

  #excess(origin: Origin, nowMs: number): Check<W> | undefined {
    const isOver = origin.checks > CHECKS_PER_ORIGIN_MAX;
    if (!isOver && this.#checks.size <= CHECKS_MAX) return undefined;
    let worst: Check<W> | undefined;
    for (const check of this.#checks.values()) {
      if (isOver && check.origin !== origin) continue;
      if (worst === undefined || isBefore(worst, check, nowMs)) worst = check;
    }
    if (worst !== undefined) this.#remove(worst);
    return worst;
  }

  #move(check: Check<W>, origin: Origin): void {
    check.origin.checks -= 1;
    check.origin = origin;
    origin.checks += 1;
  }

  #remove(check: Check<W>): void {
    this.#checks.delete(check.pair);
    check.origin.checks -= 1;
  }
}

function isBefore(one: Check, other: Check, nowMs: number): boolean {
  const ended = Number(hasEnded(one)) - Number(hasEnded(other));
  if (ended !== 0) return ended < 0;
  const byOrigin = one.origin.failures(nowMs) - other.origin.failures(nowMs);
  if (byOrigin !== 0) return byOrigin < 0;
  const byConnection = failuresOf(one) - failuresOf(other);
  return byConnection === 0 ? one.order > other.order : byConnection < 0;
}

function hasEnded({ waiters }: Check): boolean {
  for (const waiter of waiters) if (!waiter.hasEnded) return false;
  return true;
}

function failuresOf({ waiters }: Check): number {
  let fewest = Number.POSITIVE_INFINITY;
  for (const { failures } of waiters) fewest = Math.min(fewest, failures);
  return fewest;
}
