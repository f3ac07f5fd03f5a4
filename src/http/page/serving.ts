// Everything that the page's answers need: the store, the server beside it, and what both were told. There is none before
// the log is replayed.

import type { Gate } from '../../server/gate.js';
import type { ConnectionDescription } from '../../server/session.js';
import type { StatLines } from '../../server/stats/lines.js';
import type { Store } from '../../store/store.js';
import type { Jobs } from './jobs.js';

/** What is asked of the server. */
export interface ServerView {
  statLines(): StatLines;
  describeConnections(): IterableIterator<ConnectionDescription>;
}

export interface Serving {
  readonly store: Store;
  /** Seen is durable, here too: answers wait for what they depend on. */
  readonly gate: Gate;
  readonly server: ServerView;
  readonly jobs: Jobs;
  readonly segmentBytes: number;
  /** Why it is not ready, if it is not. */
  troubles(): readonly string[];
}
