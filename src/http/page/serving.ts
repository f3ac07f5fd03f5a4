// Everything that the page's answers need: the store, the server beside it, the jobs, and what the page must know of
// the configuration. It does not exist before the log is replayed.

import type { Gate } from '../../server/gate.js';
import type { ConnectionDescription } from '../../server/session.js';
import type { StatLines } from '../../server/stats/lines.js';
import type { Store } from '../../store/store.js';
import type { Jobs } from './jobs.js';

/** The part of the server that the page sees. */
export interface ServerView {
  statLines(): StatLines;
  describeConnections(): IterableIterator<ConnectionDescription>;
}

export interface Serving {
  readonly store: Store;
  /** Seen is durable, here too: an answer waits until everything that it depends on is durable. */
  readonly gate: Gate;
  readonly server: ServerView;
  readonly jobs: Jobs;
  readonly segmentBytes: number;
  /** Returns the reasons why the server is not ready; none when it is. */
  troubles(): readonly string[];
}
