// Whether the log is still where it was opened: what is written to a removed file is gone with the process, so
// nothing more may be acknowledged. It is looked at every second.

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

  /** `durable`: the segment where the durable end is. `onGone` is called once. */
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

/** True also when nobody can tell: a look that fails has lost nothing. */
async function isInPlace(env: Env, { file }: Segment): Promise<boolean> {
  try {
    return await file.isInPlace();
  } catch (error) {
    env.logger.debug(`It cannot be seen whether the log is in its place: ${failureText(error)}`);
    return true;
  }
}
