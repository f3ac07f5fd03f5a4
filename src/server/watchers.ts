// `watch`: sends clients the events of other clients, one line per event. A watcher that does not keep up loses
// events, gets their number, and delays nobody. Its lines end in LF alone, as in memcached.

import { uriEncoded } from '../protocol/listed-key.js';
import type { ReplyForm } from '../protocol/reply-form.js';
import { ttlSecondsOf } from '../store/expiry.js';
import type { Evicted } from '../store/store.js';
import type { Counters } from './counters.js';
import type { Replies } from './replies.js';

export const WATCH_STREAMS = [
  'fetchers',
  'mutations',
  'evictions',
  'connevents',
  'deletions',
  'proxyreqs',
  'proxyevents',
  'proxyuser',
] as const;
type WatchStream = (typeof WATCH_STREAMS)[number];

/** memcached's limit. Every event costs time for each watcher. */
const WATCHERS_MAX = 20;

interface Watcher {
  readonly replies: Replies;
  readonly form: ReplyForm;
  readonly streams: ReadonlySet<string>;
  /** Number of events that it has missed since the last one that it got. */
  skipped: number;
}

export class Watchers {
  readonly #watchers = new Set<Watcher>();
  readonly #counters: Counters;
  readonly #defer: (call: () => void) => void;
  readonly #nowMs: () => number;
  #lastId = 0;
  #isFlushing = false;
  /** Check it before composing an event, as there is mostly no watcher. A plain field: it is read for every request. */
  count = 0;

  constructor(counters: Counters, nowMs: () => number, defer: (call: () => void) => void) {
    this.#counters = counters;
    this.#nowMs = nowMs;
    this.#defer = defer;
  }

  /** True when no more watchers may be added. */
  get isFull(): boolean {
    return this.#watchers.size >= WATCHERS_MAX;
  }

  /** Adds a watcher; returns the function that removes it. Requires: not full. */
  add(replies: Replies, form: ReplyForm, streams: readonly string[]): () => void {
    const watcher = { replies, form, streams: new Set(streams), skipped: 0 };
    this.#watchers.add(watcher);
    this.count = this.#watchers.size;
    return () => {
      this.#watchers.delete(watcher);
      this.count = this.#watchers.size;
    };
  }

  /** Sends an event of `name=value` words, which leaves when the record `after` is durable. */
  emit(stream: WatchStream, fields: string, after = 0): void {
    const nowMs = this.#nowMs();
    const seconds = Math.floor(nowMs / 1000);
    const microseconds = String(Math.floor((nowMs % 1000) * 1000)).padStart(6, '0');
    this.#lastId += 1;
    const text = `ts=${seconds}.${microseconds} gid=${this.#lastId} ${fields}`;
    const line = Buffer.from(text, 'latin1');
    this.#counters.log_worker_written += 1;
    for (const watcher of this.#watchers) {
      if (watcher.streams.has(stream)) this.#send(watcher, line, after);
    }
    this.#flushSoon();
  }

  /** Sends the line if the watcher has read enough. After a gap, it first gets the number of events that it missed. */
  #send(watcher: Watcher, line: Buffer, after: number): void {
    const { replies, form, skipped } = watcher;
    if (replies.isFull) {
      this.#counters.log_watcher_skipped += 1;
      watcher.skipped += 1;
      return;
    }
    if (skipped > 0) {
      const gap = Buffer.from(`skipped=${skipped}`, 'latin1');
      replies.send(form, { kind: 'line', line: gap, ending: 'lf' }, 0);
      watcher.skipped = 0;
    }
    this.#counters.log_watcher_sent += 1;
    replies.send(form, { kind: 'line', line, ending: 'lf' }, after);
  }

  emitEviction(item: Evicted, nowMs: number, after: number): void {
    const { key, expiresAt, fetched, lastUsedSeconds, bytes } = item;
    const ttl = ttlSecondsOf(expiresAt, nowMs);
    const idle = Math.max(0, Math.floor(nowMs / 1000) - lastUsedSeconds);
    const use = `fetch=${fetched ? 'yes' : 'no'} ttl=${ttl} la=${idle}`;
    const fields = `type=eviction key=${uriEncoded(key)} ${use} clsid=1 size=${bytes}`;
    this.emit('evictions', fields, after);
  }

  /** Flushes once per turn, for any number of events. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#defer(() => {
      this.#isFlushing = false;
      for (const { replies } of this.#watchers) replies.flush();
    });
  }
}
