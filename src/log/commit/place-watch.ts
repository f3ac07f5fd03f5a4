// Place watch: checks every second whether the log is still where it was opened. A write to a removed file is lost
// when the process ends, so no further write may be acknowledged.

import type { Env, Timer } from '../../env/env.js';
import { failureText, KvError } from '../../errors.js';
import type { Segment } from '../segments/segment.js';

const LOOK_MS = 1000;

export class PlaceWatch {
  readonly #env: Env;
  readonly #durable: () => Segment;
  readonly #onGone: (error: KvError) => void;
  #timer: Timer | undefined;
  #closed = false;

  /** `durable` returns the segment of the durable end. `onGone` is called once. */
  constructor(env: Env, durable: () => Segment, onGone: (error: KvError) => void) {
    this.#env = env;
    this.#durable = durable;
    this.#onGone = onGone;
    this.#lookLater();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #lookLater(): void {
    this.#timer = this.#env.clock.setTimer(LOOK_MS, () => void this.#look());
  }

  async #look(): Promise<void> {
    const segment = this.#durable();
    const isThere = await isInPlace(this.#env, segment);
    if (this.#closed) return;
    // A segment that was sealed meanwhile may have been compacted away.
    if (isThere || this.#durable() !== segment) {
      this.#lookLater();
      return;
    }
    const message = 'The log was removed, moved or replaced under the running server';
    this.#onGone(new KvError('KV_IO', message, { path: segment.file.path }));
  }
}

/** Returns true also when the check itself fails, because that loses no data. */
async function isInPlace(env: Env, { file }: Segment): Promise<boolean> {
  try {
    return await file.isInPlace();
  } catch (error) {
    env.logger.debug(`Could not check whether the log is in its place: ${failureText(error)}`);
    return true;
  }
}
