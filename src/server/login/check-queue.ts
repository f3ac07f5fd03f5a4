// Password checks that wait for the thread: which is next, and which have no place. Pure: no thread, no clock.
//
// Invariants:
// - At most CHECKS_PER_ORIGIN_MAX checks of one origin wait, and CHECKS_MAX of all. Logins with the same
//   user and password share a check, so that a fleet that reconnects at once takes one place.
// - The next one is of the origin with the fewest failures: while one address guesses, a login from another
//   one goes before all its guesses. Then counts how often its connection has failed, then the newest goes
//   first: whoever has waited for longest under a flood has given up most likely.
// - What exceeds a bound is the last one in that order, never the newcomer as such.

import type { Origin } from './origins.js';

export const CHECKS_PER_ORIGIN_MAX = 64;
export const CHECKS_MAX = 1024;

/** A login that waits for a check. */
export interface LoginAttempt {
  readonly origin: Origin;
  /** Failed logins of its connection. */
  readonly failures: number;
  /** The client sends nothing more; mostly it has gone. */
  hasEnded: boolean;
}

export class Check<W extends LoginAttempt = LoginAttempt> {
  readonly pair: string;
  readonly user: Buffer;
  readonly password: Buffer;
  readonly waiters = new Set<W>();
  /** The origin that it counts for: the one with the fewest failures when it joined. */
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

  /** Adds a login; returns the check that has no place any more, which may be its own. */
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

  /** A login that does not want to know any more; a check that nobody waits for goes. */
  leave(pair: string, waiter: W): void {
    const check = this.#checks.get(pair);
    if (check?.waiters.delete(waiter) === true && check.waiters.size === 0) this.#remove(check);
  }

  /** Takes the check that is next. */
  take(nowMs: number): Check<W> | undefined {
    let best: Check<W> | undefined;
    for (const check of this.#checks.values()) {
      if (best === undefined || isBefore(check, best, nowMs)) best = check;
    }
    if (best !== undefined) this.#remove(best);
    return best;
  }

  /** Takes all of them. */
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
