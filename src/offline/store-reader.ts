// A data directory as it is, for kv-dump: no lock, no change, whether a server runs on it, has stopped or
// has crashed. Gives the state at one seq: where the log ended when it was opened.
//
// Invariants:
// - Every file it will need is open when `open` returns: what a running server removes afterwards stays
//   readable, and what it appends is not looked at.
// - A failure that a second look does not confirm was the server at work (a segment compacted away, a
//   batch half written), not damage.
// - Of a running server's newest batch it may show what is not synced yet: it is no client.

import { ALL_DURABLE } from '../log/durability.js';
import { join } from 'node:path';

import type { Env, File, Fs } from '../env/env.js';
import { KvError, isKvError, systemCode } from '../errors.js';
import { openSegments } from '../log/segments/directory.js';
import { MANIFEST_NAME, largeValueName, parseFileName } from '../log/bytes/file-names.js';
import { RECORD, casOf } from '../log/bytes/format.js';
import { readLargeValue } from '../log/segments/large-value-file.js';
import type { LargeReference } from '../log/segments/large-value-file.js';
import { HintReader } from '../log/segments/hint-reader.js';
import { readManifest } from '../log/segments/manifest-file.js';
import { requireFile } from '../log/segments/ownership.js';
import { keptLargeFiles, openPast, type Moment } from './past-segments.js';
import type { Manifest } from '../log/bytes/manifest.js';
import { refuseRemnants } from '../log/recovery/remnants.js';
import { findTail, replay, type ReplayReport, type Scans } from '../log/recovery/replay.js';
import type { Segment, SegmentTable } from '../log/segments/segment.js';
import { SegmentScanner } from '../log/segments/segment-scanner.js';
import type { ScannedBatch, ScannedFrame } from '../log/segments/segment-scanner.js';
import { wallExpiryOf, type Clocks } from '../store/expiry.js';
import { Flushes } from '../store/flushes/flushes.js';
import { Items } from '../store/items/items.js';
import { SEED_BYTES, hashSeed } from '../log/bytes/key-hash.js';
import { liveLargeReferences, requireLargeFiles } from '../store/restart/large-files.js';
import { readClaims, refuseLoss } from '../store/restart/loss-proof.js';
import { Keydir } from '../store/keydir/keydir.js';
import { replayEntries } from '../store/restart/replay-items.js';
import type { SnapshotItem } from '../store/snapshot-file/writer.js';
import { StoreClock } from '../store/clock.js';
import type { LargeValue } from '../store/store.js';

/** A running server changes the directory only so often; after this many looks it is damage. */
const LOOKS_MAX = 10;

interface ReaderParts {
  readonly seq: number;
  readonly table: SegmentTable;
  readonly items: Items;
  readonly flushes: Flushes;
  readonly nowMs: number;
  readonly clocks: Clocks;
}

/** What is replayed, and up to where. */
interface Source {
  readonly table: SegmentTable;
  readonly scans: Scans;
  /** Of the past: the last record that counts. */
  readonly seq?: number;
  /** Of the past, when it was asked for by the time. */
  readonly nowMs?: number | undefined;
}

export interface StoreSizes {
  readonly segments: number;
  /** Of the segments and of the files of large values: live, dead, and headers and marks. */
  readonly bytes: number;
  /** Of records that a client can reach, and of large values. */
  readonly liveBytes: number;
  /** Of records that compaction may drop; an estimate. */
  readonly deadBytes: number;
}

export class StoreReader {
  /** The state is that after this record. */
  readonly seq: number;
  readonly #table: SegmentTable;
  readonly #items: Items;
  readonly #flushes: Flushes;
  readonly #nowMs: number;
  readonly #clocks: Clocks;
  readonly #largeFiles = new Map<number, File>();

  private constructor(parts: ReaderParts) {
    this.seq = parts.seq;
    this.#table = parts.table;
    this.#items = parts.items;
    this.#flushes = parts.flushes;
    this.#nowMs = parts.nowMs;
    this.#clocks = parts.clocks;
  }

  /**
   * Throws KV_NOT_A_STORE when there is no store, KV_CORRUPTION and KV_FORMAT_VERSION when it cannot be
   * read whole. With `moment`, the state at that moment; KV_TOO_OLD when it is not kept.
   */
  static async open(env: Env, dir: string, moment?: Moment): Promise<StoreReader> {
    return settled(() => StoreReader.#look(env, dir, moment));
  }

  static async #look(env: Env, dir: string, moment?: Moment): Promise<StoreReader> {
    const manifest = await requireManifest(env, dir);
    // Before the log: what they claim it must then come up to, whatever a server goes on to write.
    const claims = await readClaims(env.fs, dir, manifest);
    const table = await openSegments(env.fs, dir, manifest);
    const tail = await table.closedOnFailure(findTail(table));
    if (moment === undefined) {
      const { scans } = tail;
      return StoreReader.#read(env, dir, { table, scans }, ({ lastSeq }) =>
        refuseLoss(claims, table.ordered, lastSeq, tail.clean),
      );
    }
    const past = await openPast(env.fs, dir, manifest.storeId, table, moment);
    const nowMs = moment.kind === 'time' ? moment.ms : undefined;
    return StoreReader.#read(env, dir, { ...past, scans: new Map(), nowMs }, () =>
      Promise.resolve(),
    );
  }

  static async #read(
    env: Env,
    dir: string,
    { table, scans, seq: seqMax, nowMs: momentMs }: Source,
    verify: (report: ReplayReport) => Promise<void>,
  ): Promise<StoreReader> {
    const seed = hashSeed(env.random.bytes(SEED_BYTES));
    const items = new Items(new Keydir({ seed, recency: false }), table, ALL_DURABLE);
    const flushes = new Flushes(seed);
    let reader: StoreReader | undefined;
    try {
      const report = await replay(
        table.ordered,
        scans,
        (entries, isSorted, segment) =>
          replayEntries(items, flushes, entries, isSorted, segment, 0),
        {
          hints: new HintReader(env.fs, dir, seqMax === undefined),
          hashSeed: seed,
          ...(seqMax === undefined ? {} : { seqMax }),
          onBegin: (records, found) => {
            items.begin(records, found);
          },
        },
      );
      await verify(report);
      const { lastSeq, timeMs } = report;
      const clock = new StoreClock(env.clock);
      clock.catchUp(timeMs);
      const isPast = seqMax !== undefined;
      const nowMs = momentMs ?? (isPast ? timeMs : clock.nowMs());
      const clocks = { clockAheadMs: isPast ? 0 : clock.aheadMs };
      reader = new StoreReader({ seq: seqMax ?? lastSeq, table, items, flushes, nowMs, clocks });
      await reader.#openLargeFiles(env, dir, isPast);
      return reader;
    } catch (error: unknown) {
      await (reader ?? table).close();
      throw error;
    }
  }

  /** What the segments hold, as far as the keydir reaches it or not. */
  sizes(): StoreSizes {
    const segments = this.#table.ordered;
    const sum = (of: (segment: Segment) => number): number =>
      segments.reduce((total, segment) => total + of(segment), 0);
    return {
      segments: segments.length,
      bytes: sum(({ committedBytes }) => committedBytes) + this.#items.largeBytes,
      liveBytes: this.#items.liveBytes,
      deadBytes: sum(({ deadBytes }) => deadBytes),
    };
  }

  /** Live keys that begin with the prefix. */
  count(prefix = Buffer.alloc(0)): number {
    let count = 0;
    this.#walk((ref) => {
      if (prefix.length === 0 || startsWith(this.#items.keydir.key(ref), prefix)) count += 1;
    });
    return count;
  }

  /**
   * The live items whose keys begin with the prefix, in the order of the log; key and value of each are
   * valid until the next is asked for. Throws KV_CORRUPTION where a record is damaged.
   */
  async *items(prefix = Buffer.alloc(0)): AsyncGenerator<SnapshotItem> {
    for (const segment of this.#table.ordered) {
      for await (const batch of this.#batches(segment)) {
        for (const frame of batch.frames) {
          const item = this.#itemOf(frame, segment, prefix);
          if (item !== undefined) yield item;
        }
      }
    }
  }

  async *#batches(segment: Segment): AsyncGenerator<ScannedBatch> {
    const scanner = new SegmentScanner(segment.file, segment.salt, segment.committedBytes);
    for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next())
      yield batch;
    if (scanner.defect === undefined) return;
    const { offset, defect } = scanner.defect;
    const { path } = segment.file;
    throw new KvError(
      'KV_CORRUPTION',
      `A batch is damaged: ${defect}; kv-check names all that is damaged`,
      { path, offset },
    );
  }

  async close(): Promise<void> {
    await this.#table.close();
    await Promise.all([...this.#largeFiles.values()].map((file) => file.close()));
  }

  #itemOf(frame: ScannedFrame, segment: Segment, prefix: Buffer): SnapshotItem | undefined {
    const { record, offset } = frame;
    const { keydir } = this.#items;
    if (record.type !== RECORD.put || !startsWith(record.key, prefix)) return undefined;
    const ref = keydir.find(record.key);
    if (ref === 0 || keydir.offset(ref) !== offset || keydir.segment(ref) !== segment.slot)
      return undefined;
    if (!this.#isLive(ref)) return undefined;
    const large = this.#items.largeOf(ref);
    return {
      key: record.key,
      flags: record.flags,
      expiresAt: wallExpiryOf(keydir.expiresAt(ref), this.#clocks),
      cas: casOf(record),
      value: large === undefined ? record.value : this.#largeValue(large),
    };
  }

  #isLive(ref: number): boolean {
    const { keydir } = this.#items;
    const expiresAt = keydir.expiresAt(ref);
    if (expiresAt !== 0 && expiresAt <= this.#nowMs) return false;
    const flushes = this.#flushes;
    if (flushes.isOpen && flushes.killerOf(keydir, ref, this.seq) !== 0) return false;
    return flushes.promises.nextMs > this.#nowMs;
  }

  #walk(visit: (ref: number) => void): void {
    const { keydir } = this.#items;
    let cursor = 0;
    do {
      cursor = keydir.walk(cursor, 1000, (ref) => {
        if (this.#isLive(ref)) visit(ref);
      });
    } while (cursor !== 0);
  }

  /** Only those of live items: a running server removes the others as it likes. */
  async #openLargeFiles(env: Env, dir: string, isPast: boolean): Promise<void> {
    const references = liveLargeReferences(this.#items, this.#flushes, this.#nowMs, this.seq);
    if (!isPast) await requireLargeFiles(env.fs, dir, references);
    const kept = isPast ? await keptLargeFiles(env.fs, dir) : new Map<number, string>();
    for (const { id } of references) {
      const path = kept.get(id) ?? join(dir, largeValueName(id));
      this.#largeFiles.set(id, await openLargeFile(env.fs, path, isPast));
    }
  }

  #largeValue(reference: LargeReference): LargeValue {
    const file = this.#largeFiles.get(reference.id)!;
    return {
      bytes: reference.bytes,
      read: (target, position) => readLargeValue(file, reference, target, position),
      release: () => {},
    };
  }
}

async function openLargeFile(fs: Fs, path: string, isPast: boolean): Promise<File> {
  try {
    return await fs.open(path, 'read');
  } catch (error: unknown) {
    if (systemCode(error) !== 'ENOENT') throw error;
    const [code, what] = isPast
      ? (['KV_TOO_OLD', 'not kept'] as const)
      : (['KV_CORRUPTION', 'missing'] as const);
    throw new KvError(code, `The file of a large value is ${what}`, { path, cause: error });
  }
}

/** The manifest, or KV_NOT_A_STORE when there is nothing that one could belong to. */
export async function requireManifest(env: Env, dir: string): Promise<Manifest> {
  await requireStore(env, dir);
  const manifest = await readManifest(env.fs, dir);
  if (manifest !== undefined) return manifest;
  for (const name of await env.fs.list(dir)) {
    if (parseFileName(name).kind === 'segment') await requireFile(env.fs, join(dir, name));
  }
  const message = 'There are segments but no manifest; kv-check names what is there';
  throw new KvError('KV_CORRUPTION', message, { path: dir });
}

/** Throws KV_NOT_A_STORE when there is nothing that could be one. */
export async function requireStore(env: Env, dir: string): Promise<void> {
  let names: string[];
  try {
    names = await env.fs.list(dir);
  } catch (error: unknown) {
    const code = systemCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    const what = code === 'ENOENT' ? 'There is no such directory' : 'This is not a directory';
    throw new KvError('KV_NOT_A_STORE', what, { path: dir, cause: error });
  }
  if (names.some((name) => name === MANIFEST_NAME || parseFileName(name).kind === 'segment'))
    return;
  await refuseRemnants(env.fs, dir);
  throw new KvError('KV_NOT_A_STORE', 'There is no store in this directory', { path: dir });
}

/** Repeats a look at the directory until it succeeds or fails twice in the same way. */
async function settled<T>(look: () => Promise<T>): Promise<T> {
  let before = '';
  for (let looks = 1; ; looks += 1) {
    try {
      return await look();
    } catch (error: unknown) {
      const isChange = isKvError(error, 'KV_CORRUPTION') || systemCode(error) === 'ENOENT';
      const again = String(error);
      if (!isChange || again === before || looks === LOOKS_MAX) throw error;
      before = again;
    }
  }
}

function startsWith(key: Buffer, prefix: Buffer): boolean {
  return key.subarray(0, prefix.length).equals(prefix);
}
