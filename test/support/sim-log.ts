// A log alone on a simulated machine: its events, and the records that a replay visited.

import { RECORD } from '../../src/log/bytes/format.js';
import type { RecordType } from '../../src/log/bytes/format.js';
import type { Placed } from '../../src/log/commit/group-commit.js';
import { visitEntries } from '../../src/log/bytes/entry-list.js';
import type { EntryList, ReplayEntry } from '../../src/log/bytes/entry-list.js';
import { CommitDurability } from '../../src/log/durability.js';
import type { Clock } from '../../src/env/env.js';
import { Log } from '../../src/log/log.js';
import { SegmentTable } from '../../src/log/segments/segment.js';
import { StoreClock } from '../../src/store/clock.js';
import { DIR } from '../sim/engine.js';
import { unwrap } from '../sim/recovery-check.js';
import { SimWorld, type SimProcess } from '../sim/sim-world.js';
import { noHistory } from './no-history.js';
import { settle } from './sim-store.js';

/** Returns the entries of a list, as copies, in the order of the log. */
export function entriesOf({ bytes, start, count }: EntryList): ReplayEntry[] {
  const entries: ReplayEntry[] = [];
  visitEntries(bytes, start, count, (entry) => {
    const { key, value } = entry;
    entries.push({ ...entry, key: Buffer.from(key), value: Buffer.from(value) });
  });
  return entries.sort((a, b) => a.offset - b.offset);
}

export class SimLog {
  readonly world = new SimWorld(1);
  readonly #segmentBytesMax: number;
  /** The limit that the next start uses. */
  appendBytesMin = Infinity;
  /** `durable 3` for a watermark, `failed no-space`, `sealed <file>`, `undone <key>`. */
  readonly events: string[] = [];
  entries: ReplayEntry[] = [];
  #process: SimProcess | undefined;
  #log: Log | undefined;

  constructor(segmentBytesMax: number) {
    this.#segmentBytesMax = segmentBytesMax;
    this.world.disk.makeDir(DIR);
  }

  static async open(segmentBytesMax = 64 * 1024): Promise<SimLog> {
    const sim = new SimLog(segmentBytesMax);
    await sim.open();
    return sim;
  }

  get clock(): Clock {
    if (this.#process === undefined) throw new Error('No process runs');
    return this.#process.clock;
  }

  get log(): Log {
    if (this.#log === undefined) throw new Error('The log is not open');
    return this.#log;
  }

  /** Starts a process on the existing files; the process before must have ended. */
  async open(useHints = false): Promise<void> {
    const process = this.world.boot();
    this.#process = process;
    this.entries = [];
    const durability = new CommitDurability();
    durability.onDurable(() => this.events.push(`durable ${durability.watermark}`));
    durability.onFailed((cause) => this.events.push(`failed ${cause}`));
    this.#log = await this.wait(
      Log.open(
        process,
        DIR,
        { table: new SegmentTable(), durability },
        {
          segmentBytesMax: this.#segmentBytesMax,
          appendBytesMin: this.appendBytesMin,
          storeClock: new StoreClock(process.clock),
          history: noHistory(process, DIR),
          useHints,
        },
        (list) => void this.entries.push(...entriesOf(list)),
      ),
    );
    this.#log.onSealed = ({ name }) => this.events.push(`sealed ${name}`);
  }

  append(key: string, valueBytes = 10, type: RecordType = RECORD.put): Placed | undefined {
    const placed = this.#append(key, valueBytes, type);
    return placed === undefined ? undefined : { ...placed };
  }

  #append(key: string, valueBytes: number, type: RecordType): Placed | undefined {
    const record = { type, marks: 0, flags: 0, expiresAt: 0, cas: 0n };
    const value = Buffer.alloc(valueBytes, key);
    return this.log.append({ ...record, key: Buffer.from(key), value }, (own) => {
      this.events.push(`undone ${own.toString()}`);
    });
  }

  wait<T>(promise: Promise<T>): Promise<T> {
    return settle(this.world, promise);
  }

  async advance(delayMs: number): Promise<void> {
    unwrap(await this.world.scheduler.advance(delayMs), 'wait');
  }

  /** Returns the events since the last call. */
  told(): string[] {
    return this.events.splice(0);
  }

  /** The keys in the order of the log. */
  get keys(): string[] {
    return this.entries.map(({ key }) => key.toString());
  }

  get openFiles(): number {
    return this.#process?.openFiles.size ?? 0;
  }
}
