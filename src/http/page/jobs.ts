// Long work that the page asked for: one job of each kind at a time. The live events report the result to all
// watchers, because a job may take longer than a request may.

import { watchCompaction } from '../../control/compaction-progress.js';
import type { Clock } from '../../env/env.js';
import { failureText, isKvError } from '../../errors.js';
import type { Store } from '../../store/store.js';
import type { JobName, JobOutcome, JobView } from './wire.js';

interface Job {
  readonly work: () => Promise<JobOutcome>;
  /** Begins to count when it is called, and returns a function that gives the progress in bytes. */
  readonly watch?: () => () => { readonly done: number; readonly total: number };
}

export class Jobs {
  readonly #clock: Clock;
  readonly #jobs: Readonly<Record<JobName, Job>>;
  /** The last job of each kind. */
  readonly #views = new Map<JobName, () => JobView>();

  /** `backUp` resolves with a sentence about the result. */
  constructor(clock: Clock, store: Store, backUp: () => Promise<string>) {
    this.#clock = clock;
    this.#jobs = {
      compaction: {
        work: async () => ({ compaction: await store.compact({ everything: true }) }),
        watch: () => watchCompaction(store),
      },
      snapshot: { work: async () => ({ snapshot: await store.snapshot() }) },
      backup: { work: async () => ({ backup: await backUp() }) },
    };
  }

  get views(): readonly JobView[] {
    return [...this.#views.values()].map((view) => view());
  }

  /** Returns false when a job of that kind is under way. */
  start(name: JobName): boolean {
    if (this.#views.get(name)?.().state === 'running') return false;
    const { work, watch } = this.#jobs[name];
    const startedAt = this.#clock.wallMs();
    const progress = watch?.();
    this.#views.set(name, () => ({ name, startedAt, state: 'running', progress: progress?.() }));
    void this.#run(name, startedAt, work);
    return true;
  }

  async #run(name: JobName, startedAt: number, work: () => Promise<JobOutcome>): Promise<void> {
    let view: JobView;
    try {
      view = { name, startedAt, state: 'done', outcome: await work() };
    } catch (error) {
      if (!isKvError(error)) throw error;
      view = { name, startedAt, state: 'failed', error: failureText(error) };
    }
    this.#views.set(name, () => view);
  }
}
