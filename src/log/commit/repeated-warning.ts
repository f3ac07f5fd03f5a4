// A warning about what is tried again and again: the same words are said again only after a while.

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

  /** It went well: the next failure is news. */
  end(): void {
    this.#text = '';
  }
}
