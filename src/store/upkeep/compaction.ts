// Compaction of one run of sealed segments (docs/recovery.md, "Compaction"). The worker copies the records that are
// still needed. The copy replaces the run in one atomic step; then the keydir is pointed at it, and the run is removed.
//
// Invariants:
// - Before the switch, nothing that counts has changed; after it, no restart needs the run's files.
// - The run's segments stay readable until no item and no undo refers to them.
// - The copy is discarded when a commit was taken back meanwhile: it may lack records that are needed again.

import { join } from 'node:path';

import { assert } from '../../assert.js';
import { failureText, KvError } from '../../errors.js';
import {
  entryAt,
  firstWord,
  hashAt,
  keyBytesAt,
  keyWord,
  nextWord,
  offsetAt,
  seqAt,
  typeAt,
  valueBytesAt,
  wordsOf,
} from '../../log/bytes/entry-list.js';
import { segmentName } from '../../log/bytes/file-names.js';
import { FlushNeed } from '../../log/segments/flush-need.js';
import { RECORD } from '../../log/bytes/format.js';
import { hintEntries } from '../../log/bytes/hint.js';
import { writeHint } from '../../log/segments/hint-file.js';
import { freeTemporaryName, requireMayPut } from '../../log/segments/ownership.js';
import type { Segment } from '../../log/segments/segment.js';
import type { Background } from '../background/client.js';
import type { CompactDone, SegmentPlace } from '../background/messages.js';
import { CompactionPace } from './compaction-pace.js';
import type { StoreParts } from '../items/parts.js';
import { Judge } from './judge.js';

/** Items moved in one turn of the event loop. */
const SLICE_KEYS = 2_000;

export class Compaction {
  readonly #parts: StoreParts;
  readonly #background: Background;

  constructor(parts: StoreParts, background: Background) {
    this.#parts = parts;
    this.#background = background;
  }

  /** Compacts the run. Throws when nothing was changed. Requires: its segments are sealed, contiguous, in log order. */
  async compact(run: readonly Segment[]): Promise<void> {
    const judge = this.#judgeOf(run);
    // From here on, a segment of the run notes the flushes that kill items whose records were copied alive.
    const before = new FlushNeed();
    for (const { flushNeed } of run) before.add(flushNeed.take());
    for (const segment of run) segment.compactedBytes = 0;
    try {
      await this.#replace(run, judge, before);
    } catch (error) {
      for (const { flushNeed } of run) {
        flushNeed.add(before.state);
        flushNeed.add(judge.killers.state);
      }
      throw error;
    } finally {
      for (const segment of run) segment.compactedBytes = undefined;
    }
  }

  async #replace(run: readonly Segment[], judge: Judge, before: FlushNeed): Promise<void> {
    const parts = this.#parts;
    const { fs } = parts.env;
    const { log } = parts;
    const failures = log.counters.failures;
    const output = this.#placeFor(run);
    const name = segmentName(output.last, output.generation);
    const temporary = await freeTemporaryName(fs, log.dir, name);
    let done: CompactDone;
    try {
      done = await this.#copy(run, output, temporary, judge);
      if (log.counters.failures !== failures) {
        throw new KvError(
          'KV_IO',
          'A commit failed during the compaction, which is tried again later',
        );
      }
      await requireMayPut(fs, log.dir, name);
      await fs.rename(join(log.dir, temporary), join(log.dir, name));
    } catch (error) {
      await fs.remove(join(log.dir, temporary));
      throw error;
    }
    await fs.syncDir(log.dir);
    const file = await fs.open(join(log.dir, name), 'read');
    const segment = log.table.create(output, file);
    segment.sealed = true;
    segment.committedBytes = done.committedBytes;
    const hint = Buffer.from(done.hint.buffer, done.hint.byteOffset, done.hint.length);
    await this.#switch(run, segment);
    await this.#saveHint(segment, hint);
    await this.#moveItems(segment, hint);
    account(segment, done, judge);
    parts.flushes.promises.move(new Set(run.map(({ slot }) => slot)), segment.slot);
    for (const { flushNeed } of run) segment.flushNeed.add(flushNeed.state);
    if (judge.keptVerbatim) {
      segment.flushNeed.add(before.state);
      segment.flushNeed.add(judge.killers.state);
    }
    parts.counters.compactions += 1;
    parts.counters.compactedRecords += hintEntries(hint).count;
    parts.counters.compactedBytes += run.reduce(
      (sum, { committedBytes }) => sum + committedBytes,
      0,
    );
    await log.runs.retire(run);
  }

  #placeFor(run: readonly Segment[]): Omit<SegmentPlace, 'committedBytes'> {
    const first = run[0];
    const last = run.at(-1);
    assert(first !== undefined && last !== undefined, 'A run is not empty');
    return {
      first: first.first,
      last: last.last,
      generation: run.reduce((most, { generation }) => Math.max(most, generation), 0) + 1,
      salt: this.#parts.env.random.bytes(4).readUInt32LE(0),
    };
  }

  #judgeOf(run: readonly Segment[]): Judge {
    const isOldest = this.#parts.log.table.ordered[0] === run[0];
    return new Judge(this.#parts, new Set(run.map(({ slot }) => slot)), isOldest);
  }

  async #copy(
    run: readonly Segment[],
    output: Omit<SegmentPlace, 'committedBytes'>,
    temporaryName: string,
    judge: Judge,
  ): Promise<CompactDone> {
    const parts = this.#parts;
    const { log } = parts;
    const pace = new CompactionPace(parts);
    const done = await this.#background.perform(
      {
        task: 'compact',
        storeId: log.storeId,
        run: run.map(placeOf),
        output,
        createdAtMs: parts.clock.nowMs(),
        temporaryName,
        hashSeed: log.recovery.hashSeed,
      },
      async (question) => {
        assert(question.ask === 'judge', 'A compaction asks for judgements');
        advance(run, question.bytes);
        await this.#rest(pace.delayMs(question.bytes));
        return judge.answer(question);
      },
    );
    assert(done.done === 'compact', 'A compaction ends with its output');
    return done;
  }

  async #switch(run: readonly Segment[], output: Segment): Promise<void> {
    const { log } = this.#parts;
    try {
      await log.runs.replace(run, output);
    } catch (error) {
      await log.table.retire(output);
      await log.runs.discard(output);
      throw error;
    }
  }

  /** Writes the hint. Without it, the next start scans the segment, which is slower and no other harm. */
  async #saveHint(segment: Segment, hint: Buffer): Promise<void> {
    const { env, log } = this.#parts;
    try {
      await writeHint(env.fs, log.dir, segment, hint);
    } catch (error) {
      env.logger.warn(`A hint could not be written: ${failureText(error)}`);
    }
  }

  /**
   * Points the keydir at the copies. Starts again when a commit was taken back meanwhile, because that
   * restored old places. Ends when no undo is left that could do so.
   */
  async #moveItems(segment: Segment, hint: Buffer): Promise<void> {
    const { log } = this.#parts;
    for (;;) {
      const failures = log.counters.failures;
      const list = hintEntries(hint);
      const words = wordsOf(list);
      let at = firstWord(list);
      for (let left = list.count; left > 0; left -= SLICE_KEYS) {
        for (let n = Math.min(left, SLICE_KEYS); n > 0; n -= 1) {
          this.#moveItem(words, at, segment.slot);
          at = nextWord(words, at);
        }
        await this.#nextTurn();
      }
      await log.drainedUpTo(log.lastSeq);
      if (log.counters.failures === failures) return;
    }
  }

  #moveItem(words: Uint32Array, at: number, slot: number): void {
    if (typeAt(words, at) !== RECORD.put) return;
    const { items } = this.#parts;
    if (valueBytesAt(words, at) !== 0) {
      const { key, seq, offset } = entryAt(words, at);
      items.relocate(items.keydir.find(key), seq, slot, offset);
      return;
    }
    const hash = hashAt(words, at);
    const ref = items.keydir.findPacked(hash, words, keyWord(at), keyBytesAt(words, at));
    items.relocate(ref, seqAt(words, at), slot, offsetAt(words, at));
  }

  async #rest(delayMs: number): Promise<void> {
    if (delayMs === 0) return;
    await new Promise<void>((resolve) => void this.#parts.env.clock.setTimer(delayMs, resolve));
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#parts.env.clock.defer(resolve));
  }
}

/** Adds the bytes that were read to the segments' progress: the run is read in log order. */
function advance(run: readonly Segment[], bytes: number): void {
  let left = bytes;
  for (const segment of run) {
    const before = segment.compactedBytes ?? 0;
    segment.compactedBytes = Math.min(segment.committedBytes, before + left);
    left -= segment.compactedBytes - before;
  }
}

/** Sets the sizes of the output. Its live bytes are known by now; the rest is overhead or was kept. */
function account(
  segment: Segment,
  { committedBytes, frameBytes }: CompactDone,
  judge: Judge,
): void {
  const { stuckBytes, keptFlushes, keptFlushBytes } = judge;
  segment.overheadBytes = committedBytes - frameBytes + stuckBytes;
  segment.keptFlushes = keptFlushes.state;
  segment.keptFlushBytes = keptFlushBytes;
  const known = stuckBytes + keptFlushBytes + segment.liveBytes;
  segment.keptBytes = Math.max(0, frameBytes - known);
}

export function placeOf(segment: Segment): SegmentPlace {
  const { first, last, generation, salt, committedBytes } = segment;
  return { first, last, generation, salt, committedBytes };
}
