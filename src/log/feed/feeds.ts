// The feeds of one log: begins feeds, and wakes those that wait when the watermark has moved. The object is made when
// the first follower comes, so that without followers a commit has no extra cost.
//
// A waiting feed is woken at once if the last wake is at least WAKE_PAUSE_MS ago. Otherwise it is woken after the rest
// of that pause and reads several commits together, because reading each commit alone costs more than the commit.
//
// Invariant: opening and closing files take one thread of the pool at a time, however many followers come and go.

import type { Clock, Env, Timer } from '../../env/env.js';
import { PoolShare, sharing } from '../../env/pool-share.js';
import { KvError } from '../../errors.js';
import type { History } from '../history.js';
import { FeedPace } from './feed-pace.js';
import { RecordFeed } from './record-feed.js';
import { FeedSources, type FeedLog } from './sources.js';

/** Shortest time between two wakes. */
const WAKE_PAUSE_MS = 5;

export class Feeds {
  readonly pace: FeedPace;
  /** Counts the watermark's moves: a feed that has seen the same number has missed none. */
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
   * Begins a feed of the records after seq `after`; undefined: of future records; `oldest`: of all records that are
   * kept without a gap. Throws KV_TOO_OLD, KV_CLOSED, and KV_BAD_OPTION for a seq that no record has yet.
   */
  async begin(after: number | 'oldest' | undefined): Promise<RecordFeed> {
    if (this.isClosed) throw closed();
    const { provableSeq, durability } = this.#log;
    if (typeof after === 'number' && after > durability.lastSeq) {
      const message = `The newest change has seq ${durability.lastSeq}: seq ${after} is not of this store`;
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

  /** Resolves when `moves` is no longer `seen`, when the store closes, or when `signal` is aborted. */
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

  /** Ends every feed; resolves when their files are closed. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.#wakeTimer?.cancel();
    this.#wake();
    await Promise.all([...this.#open].map((feed) => this.end(feed)));
  }

  /** Reads `isClosed` after an await: TypeScript would take the field for still false. */
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
