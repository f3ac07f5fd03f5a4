// The live part of the page: sends a sample each second to all watchers, and the picture of the log when it has
// changed.
//
// Invariants:
// - Nothing is sampled while nobody watches. A bounded number of earlier samples is kept for the next watcher.
// - A client that reads slowly misses samples: at most one piece waits for each client (stream.ts).

import type { Clock, Timer } from '../../env/env.js';
import type { Exchange } from '../exchange.js';
import type { Metrics } from '../metrics.js';
import type { Stream } from '../stream.js';
import { groupsOf } from './log-picture.js';
import { Meter } from './meter.js';
import type { Serving } from './serving.js';
import type { Hello, LiveEvent, LogPicture, Sample } from './wire.js';

const SAMPLE_MS = 1000;
/** This many samples are ten minutes. */
const SAMPLES_MAX = 600;
export const EVENT_STREAM = 'text/event-stream';

export function composeEvent(event: unknown): string {
  return `data: ${JSON.stringify(event)}\n\n`;
}

class Watcher {
  readonly #stream: Stream;
  #isBusy = false;
  /** The picture of the log that this watcher has. */
  #logText = '';

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** Sends the text, or leaves it out while an earlier piece waits. */
  tell(text: string, logText: string): void {
    if (this.#isBusy) return;
    const isNew = logText !== this.#logText;
    this.#logText = logText;
    this.#isBusy = true;
    void this.#stream.send(isNew ? text + logText : text).then(() => (this.#isBusy = false));
  }
}

export class Live {
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #serving: Serving;
  readonly #hello: Omit<Hello, 'samples'>;
  readonly #watchers = new Set<Watcher>();
  readonly #samples: Sample[] = [];
  #meter: Meter | undefined;
  #timer: Timer | undefined;

  constructor(clock: Clock, metrics: Metrics, serving: Serving, hello: Omit<Hello, 'samples'>) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#serving = serving;
    this.#hello = hello;
  }

  /** Answers with events until the client leaves. */
  watch(exchange: Exchange): void {
    const stream = exchange.stream(EVENT_STREAM);
    if (stream === undefined) return;
    const watcher = new Watcher(stream);
    this.#watchers.add(watcher);
    stream.ended.addEventListener('abort', () => this.#leave(watcher), { once: true });
    const hello: LiveEvent = { kind: 'hello', hello: { ...this.#hello, samples: this.#samples } };
    watcher.tell(composeEvent(hello), this.#logText());
    if (this.#meter === undefined) {
      this.#meter = new Meter(this.#metrics, this.#counters(), this.#clock.monotonicMs());
      this.#plan();
    }
  }

  #leave(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    this.#timer?.cancel();
    this.#meter = undefined;
  }

  #plan(): void {
    this.#timer = this.#clock.setTimer(SAMPLE_MS, () => {
      this.#sample();
      this.#plan();
    });
  }

  #sample(): void {
    const clock = this.#clock;
    const measured = this.#meter!.take(this.#counters(), clock.monotonicMs(), clock.wallMs());
    const sample = { ...measured, troubles: this.#serving.troubles() };
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    const event: LiveEvent = { kind: 'sample', sample };
    const [text, logText] = [composeEvent(event), this.#logText()];
    for (const watcher of this.#watchers) watcher.tell(text, logText);
  }

  #counters(): ReadonlyMap<string, string | number> {
    return new Map(this.#serving.server.statLines());
  }

  #logText(): string {
    const { store, jobs, segmentBytes } = this.#serving;
    const log: LogPicture = {
      segmentBytes,
      groups: groupsOf(store.segments()),
      jobs: jobs.views,
    };
    const event: LiveEvent = { kind: 'log', log };
    return composeEvent(event);
  }
}
