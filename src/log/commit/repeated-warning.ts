// Repeated warning: logs failures of an action that is retried often. It repeats the same text only after PAUSE_MS.

import type { Env } from '../../env/env.js';

const PAUSE_MS = 60_000;

export class RepeatedWarning {
  readonly #env: Env;
  #text = '';
  #toldMs = 0;

  constructor(env: Env) {
    this.#env = env;
  }

  tell(text: string): void {
    const nowMs = this.#env.clock.monotonicMs();
    if (text === this.#text && nowMs - this.#toldMs < PAUSE_MS) return;
    this.#text = text;
    this.#toldMs = nowMs;
    this.#env.logger.warn(text);
  }

  /** Notes that the action succeeded: the next failure is logged at once. */
  end(): void {
    this.#text = '';
  }
}
