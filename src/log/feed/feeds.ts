// The feeds of one log: begins them, and wakes all that wait when the watermark has moved. Made when somebody follows for
// the first time: until then nothing of it costs a commit anything.
//
// Whoever waits is woken at once when it was quiet, else after a short while with all that came meanwhile: reading each commit
// on its own costs more than the commit.
//
// Invariant: opening and closing files take one thread of the pool at a time, however many followers come and go.

import type { Clock, Env, Timer } from '../../env/env.js';
import { PoolShare, sharing } from '../../env/pool-share.js';
import { KvError } from '../../errors.js';
import type { History } from '../history.js';
import { FeedPace } from './feed-pace.js';
import { RecordFeed } from './record-feed.js';
import { FeedSources, type FeedLog } from './sources.js';

/** Between two wakings. */
const WAKE_PAUSE_MS = 5;

export class Feeds {
  readonly pace: FeedPace;
  /** How often there was news: whoever has seen the same number has missed none. */
  moves = 0;
  isClosed = false;
  readonly #log: FeedLog;
  readonly #sources: FeedSources;
  readonly #open = new Set<RecordFeed>();
  readonly #waiting = new Set<() => void>();
  readonly #clock: Clock;
  #wokenMs = Number.NEGATIVE_INFINITY;
  #wakeTimer: Timer | undefined;

  constructor({ fs, clock }: Pick<Env, 'fs' | 'clock'>, log: FeedLog, history: History) {
    this.#log = log;
    this.#clock = clock;
    this.pace = new FeedPace(clock);
    this.#sources = new FeedSources(sharing(fs, new PoolShare(1)), log, history);
    log.durability.onDurable(() => this.#move());
  }

  /**
   * A feed of the records after that seq; undefined: of those to come; `oldest`: of all that are kept without a gap. Throws
   * KV_TOO_OLD, KV_BAD_OPTION for a seq that was not given out, KV_CLOSED.
   */
  async begin(after: number | 'oldest' | undefined): Promise<RecordFeed> {
    if (this.isClosed) throw closed();
    const { provableSeq, durability } = this.#log;
    if (typeof after === 'number' && after > durability.lastSeq) {
      const message = `The newest change has seq ${durability.lastSeq}: ${after} is not of this store`;
      throw new KvError('KV_BAD_OPTION', message);
    }
    const seq = after === 'oldest' ? await this.#sources.oldest() : (after ?? provableSeq);
    const feed = await RecordFeed.begin(this.#sources, this.pace, seq);
    if (this.#hasClosed()) {
      await feed.close();
      throw closed();
    }
    this.#open.add(feed);
    return feed;
  }

  /** Resolves when there is more news than `seen`, when the store closes, or when `signal` is aborted. */
  async moved(seen: number, signal?: AbortSignal): Promise<void> {
    if (this.isClosed || signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake);
      if (this.moves !== seen) this.#wakeSoon();
    });
  }

  async end(feed: RecordFeed): Promise<void> {
    this.#open.delete(feed);
    await feed.close();
  }

  /** Every feed ends; resolves when their files are closed. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.#wakeTimer?.cancel();
    this.#wake();
    await Promise.all([...this.#open].map((feed) => this.end(feed)));
  }

  /** Asked again after a wait. */
  #hasClosed(): boolean {
    return this.isClosed;
  }

  #move(): void {
    this.moves += 1;
    if (this.#waiting.size > 0) this.#wakeSoon();
  }

  #wakeSoon(): void {
    if (this.#wakeTimer !== undefined) return;
    const leftMs = this.#wokenMs + WAKE_PAUSE_MS - this.#clock.monotonicMs();
    if (leftMs <= 0) this.#wake();
    else this.#wakeTimer = this.#clock.setTimer(leftMs, () => this.#wake());
  }

  #wake(): void {
    this.#wakeTimer = undefined;
    this.#wokenMs = this.#clock.monotonicMs();
    for (const wake of this.#waiting) wake();
  }
}

function closed(): KvError {
  return new KvError('KV_CLOSED', 'The store is closed');
}
