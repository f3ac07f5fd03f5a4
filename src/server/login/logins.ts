// Logins: decides which attempt waits, when it is checked, and which pairs are known already. The steps of an
// attempt: a proven pair succeeds at once. An attempt from an address that failed lately waits first. Then a password in
// clear text is compared at once, and a digest goes through the queue to the thread (docs/protocol.md,
// "Authentication").
//
// Invariants:
// - One password is hashed at a time, by a thread of its own: neither the loop nor libuv's pool does it.
// - A connection has at most one attempt under way. When the connection closes, its attempt leaves the queue.
// - Identical attempts are answered together.
// - A pair is proven only by a check during which the users did not change.

import type { Env, Timer } from '../../env/env.js';
import type { Users } from '../users.js';
import { CheckQueue, type Check, type LoginAttempt } from './check-queue.js';
import { Origins, type Origin } from './origins.js';
import { PasswordThread } from './password-thread.js';
import { ProvenPairs } from './proven-pairs.js';

/** Delay before the check of a login whose origin has failed lately. */
const FAILURE_DELAY_MS = 500;

/** `unchecked`: too many logins wait, or the server is stopping; `gone`: the client has gone. */
type LoginOutcome = 'right' | 'wrong' | 'unchecked' | 'gone';

/** The facts about a connection that logins use. */
export interface LoginClient {
  /** Undefined: a unix socket. */
  readonly address: string | undefined;
  /** Failed logins so far. */
  failures: number;
}

/** An attempt that is under way. */
export class Login implements LoginAttempt {
  readonly origin: Origin;
  readonly failures: number;
  readonly outcome: Promise<LoginOutcome>;
  hasEnded = false;
  /** Takes the attempt out of the place where it waits. */
  withdraw: () => void = () => undefined;
  #settle: (outcome: LoginOutcome) => void = () => undefined;

  constructor(origin: Origin, failures: number) {
    this.origin = origin;
    this.failures = failures;
    this.outcome = new Promise((settle) => (this.#settle = settle));
  }

  settle(outcome: LoginOutcome): void {
    this.#settle(outcome);
  }

  /** Ends the attempt, because the connection has closed. */
  cancel(): void {
    this.withdraw();
    this.#settle('gone');
  }
}

export class Logins {
  readonly #users: Users;
  readonly #env: Env;
  readonly #origins = new Origins();
  readonly #proven = new ProvenPairs();
  readonly #queue = new CheckQueue<Login>();
  readonly #thread: PasswordThread;
  readonly #delayed = new Map<Login, Timer>();
  #running: Check<Login> | undefined;
  #isPumping = false;
  #isClosed = false;

  constructor(users: Users, env: Env) {
    this.#users = users;
    this.#env = env;
    this.#thread = new PasswordThread(env);
  }

  /** Reads the users again. Throws KV_BAD_OPTION for a bad file; the old users then stay in force. */
  reload(): void {
    this.#users.reload();
    this.#proven.clear();
  }

  /** Starts an attempt. `user` and `password` are copied. */
  attempt(user: Buffer, password: Buffer, guest: LoginClient): Login {
    const login = new Login(this.#origins.of(guest.address), guest.failures);
    const pair = this.#proven.nameOf(user, password);
    const kept = { user: Buffer.from(user), password: Buffer.from(password) };
    void login.outcome.then((outcome) => {
      if (outcome === 'wrong') guest.failures += 1;
    });
    if (this.#isClosed) login.settle('unchecked');
    else if (this.#proven.has(pair)) login.settle('right');
    else if (login.origin.failures(this.#nowMs()) === 0) this.#join(login, pair, kept);
    else this.#delay(login, () => this.#join(login, pair, kept));
    return login;
  }

  /** Ends all checks; attempts that wait are answered as `unchecked`. */
  close(): void {
    this.#isClosed = true;
    for (const [login, timer] of this.#delayed) {
      timer.cancel();
      login.settle('unchecked');
    }
    this.#delayed.clear();
    for (const check of this.#queue.takeAll()) settleAll(check, 'unchecked');
    if (this.#running !== undefined) settleAll(this.#running, 'unchecked');
    this.#thread.close();
  }

  #nowMs(): number {
    return this.#env.clock.monotonicMs();
  }

  #delay(login: Login, then: () => void): void {
    const timer = this.#env.clock.setTimer(FAILURE_DELAY_MS, () => {
      this.#delayed.delete(login);
      then();
    });
    this.#delayed.set(login, timer);
    login.withdraw = () => {
      timer.cancel();
      this.#delayed.delete(login);
    };
  }

  #join(login: Login, pair: string, { user, password }: { user: Buffer; password: Buffer }): void {
    if (this.#proven.has(pair)) {
      login.settle('right');
      return;
    }
    const isRight = this.#users.isRightInClear(user, password);
    if (isRight !== undefined) {
      this.#conclude(login, isRight);
      return;
    }
    const running = this.#running;
    if (running?.pair === pair) {
      running.waiters.add(login);
      login.withdraw = () => void running.waiters.delete(login);
      return;
    }
    login.withdraw = () => this.#queue.leave(pair, login);
    const excess = this.#queue.join(pair, user, password, login, this.#nowMs());
    if (excess !== undefined) settleAll(excess, 'unchecked');
    void this.#pump();
  }

  #conclude(login: Login, isRight: boolean): void {
    if (!isRight) login.origin.failed(this.#nowMs());
    login.settle(isRight ? 'right' : 'wrong');
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (;;) {
      const check = this.#queue.take(this.#nowMs());
      if (check === undefined) break;
      await this.#check(check);
    }
    this.#isPumping = false;
  }

  async #check(check: Check<Login>): Promise<void> {
    const { waiters, user, password, pair } = check;
    const { generation } = this.#users;
    const { secret, isKnown } = this.#users.secretOf(user);
    for (const login of waiters) login.withdraw = () => void waiters.delete(login);
    this.#running = check;
    const isEqual = await this.#thread.check(password, secret);
    this.#running = undefined;
    if (isEqual === undefined || this.#isClosed) {
      settleAll(check, 'unchecked');
    } else if (generation !== this.#users.generation) {
      // The users were read again meanwhile.
      for (const login of waiters) this.#join(login, pair, check);
    } else {
      const isRight = isEqual && isKnown;
      if (isRight) this.#proven.add(pair);
      for (const login of waiters) this.#conclude(login, isRight);
    }
  }
}

function settleAll(check: Check<Login>, outcome: LoginOutcome): void {
  for (const login of check.waiters) login.settle(outcome);
}
