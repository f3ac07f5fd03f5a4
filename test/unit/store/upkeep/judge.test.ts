// Judge: each rule by itself, as the verdict on a record of a run.

import { expect } from 'chai';

import { RECORD_MARK } from '../../../../src/log/bytes/format.js';
import type { LogRecord } from '../../../../src/log/bytes/format.js';
import { EntryListBuilder, expiresAtAt, wordsOf } from '../../../../src/log/bytes/entry-list.js';
import { hashEntries } from '../../../../src/log/bytes/entry-order.js';
import { isKvError } from '../../../../src/errors.js';
import type { Log } from '../../../../src/log/log.js';
import { Segment } from '../../../../src/log/segments/segment.js';
import { VERDICT } from '../../../../src/store/background/messages.js';
import { storeParts, type StoreParts } from '../../../../src/store/items/parts.js';
import { Flushes } from '../../../../src/store/flushes/flushes.js';
import { Items } from '../../../../src/store/items/items.js';
import { Judge } from '../../../../src/store/upkeep/judge.js';
import { hashSeed } from '../../../../src/log/bytes/key-hash.js';
import { Keydir, ITEM_MARK } from '../../../../src/store/keydir/keydir.js';
import { LargeValues } from '../../../../src/store/items/large-values.js';
import { StoreClock } from '../../../../src/store/clock.js';
import { StoreCounters } from '../../../../src/store/counters.js';
import { STORE_OPTIONS_DEFAULT } from '../../../../src/store/options.js';
import { ValueCache } from '../../../../src/store/value-cache/value-cache.js';
import { SimWorld } from '../../../sim/sim-world.js';
import { RECORDS, frameOf } from '../../../support/example-log.js';
import { noHistory } from '../../../support/no-history.js';
import { MemoryFile } from '../../../support/memory-file.js';

const SEED = hashSeed(Buffer.alloc(8));
const KEY = Buffer.from('greeting');
/** The run is slot 1; slot 0 is older and slot 2 is newer. */
const [OLDER, RUN, NEWER] = [0, 1, 2];
const PUT = RECORDS['put']!;

class Case {
  readonly parts: StoreParts;
  readonly judge: Judge;
  readonly segments: readonly Segment[];
  readonly log: { watermark: number; durableTimeMs: number };

  constructor({ isOldest = false } = {}) {
    const env = new SimWorld(1).boot();
    const segments = [OLDER, RUN, NEWER].map((slot) => {
      const place = { first: slot + 1, last: slot + 1, generation: 0, salt: 1 };
      return new Segment(slot, place, new MemoryFile(Buffer.alloc(0)));
    });
    const keydir = new Keydir({ seed: SEED, recency: false });
    const table = { ordered: segments, at: (slot: number) => segments[slot]! };
    const log = { watermark: 100, durableTimeMs: env.clock.wallMs(), table };
    this.log = log;
    this.segments = segments;
    const history = noHistory(env, '/data');
    this.parts = storeParts({
      env,
      options: STORE_OPTIONS_DEFAULT,
      clock: new StoreClock(env.clock),
      log: log as unknown as Log,
      items: new Items(keydir, { at: (slot) => segments[slot]! }, log),
      cache: new ValueCache(0),
      flushes: new Flushes(SEED),
      history,
      large: new LargeValues(env, '/data', history, () => Promise.resolve()),
      counters: new StoreCounters(),
    });
    this.judge = new Judge(this.parts, new Set([RUN]), isOldest);
  }

  get nowMs(): number {
    return this.parts.clock.nowMs();
  }

  /** Sets what the keydir knows of the key. */
  item(seq: number, slot: number, more: { expiresAt?: number; marks?: number } = {}): this {
    const { items } = this.parts;
    const place = { segment: slot, offset: 64, length: 48, lastUsedSeconds: 0 };
    const state = { ...place, seq, expiresAt: 0, marks: 0, ...more };
    items.set(KEY, items.keydir.find(KEY), state, undefined);
    return this;
  }

  flush(seq: number, atMs = 0): this {
    const { flushes } = this.parts;
    if (atMs === 0) flushes.add(seq, Buffer.alloc(0), this.log.watermark);
    else flushes.promises.add({ seq, atMs, slot: RUN });
    return this;
  }

  /** Returns the verdict on a record of the run by its name, and the expiry to write. */
  async verdict(record: LogRecord): Promise<{ verdict: string | undefined; expiresAt: number }> {
    const entries = new EntryListBuilder();
    entries.addFrame(frameOf(record, 64), 0, 64);
    hashEntries(entries, SEED);
    const question = { ask: 'judge', count: 1, entries: entries.bytes, bytes: 64 } as const;
    const { verdicts } = await this.judge.answer(question);
    const [name] = Object.entries(VERDICT).find(([, value]) => value === verdicts[0]) ?? [];
    return { verdict: name, expiresAt: expiresAtAt(wordsOf(entries), 0) };
  }

  async of(record: LogRecord): Promise<string | undefined> {
    return (await this.verdict(record)).verdict;
  }
}

function put(seq: number): LogRecord {
  return { ...PUT, key: KEY, seq };
}

function removal(seq: number): LogRecord {
  return { ...RECORDS['delete']!, key: KEY, seq };
}

function touch(seq: number, target: number, expiresAt: number): LogRecord {
  const value = Buffer.alloc(8);
  value.writeUIntLE(target, 0, 6);
  return { ...RECORDS['touch']!, key: KEY, seq, value, expiresAt };
}

function flush(seq: number, expiresAt = 0): LogRecord {
  return { ...RECORDS['flush']!, seq, expiresAt };
}

describe('Judge', () => {
  it('keeps the newest put, with the expiry and the won mark that touches gave it', async () => {
    expect(await new Case().item(5, RUN).of(put(5))).to.equal('keep');
    const touched = new Case();
    const expiresAt = touched.nowMs + 1000;
    touched.item(5, RUN, { expiresAt, marks: ITEM_MARK.WON });
    expect(await touched.verdict(put(5))).to.deep.equal({ verdict: 'keepWon', expiresAt });
  });

  it('drops a put that a durable later put replaces', async () => {
    expect(await new Case().item(9, NEWER).of(put(5))).to.equal('drop');
  });

  it('makes a tombstone of a put whose key is gone, and drops it when no segment is older', async () => {
    expect(await new Case().of(put(5))).to.equal('tombstone');
    expect(await new Case({ isOldest: true }).of(put(5))).to.equal('drop');
  });

  it('makes a tombstone of an expired or flushed put, and removes the item from memory', async () => {
    for (const isOldest of [false, true]) {
      const expired = new Case({ isOldest }).item(5, RUN, { expiresAt: 1 });
      const flushed = new Case({ isOldest }).item(5, RUN).flush(9);
      for (const each of [expired, flushed]) {
        expect(await each.of(put(5))).to.equal(isOldest ? 'drop' : 'tombstone');
        expect(each.parts.items.count).to.equal(0);
      }
    }
  });

  it('keeps a dead put until the log shows a time at which it was dead, or its durable flush', async () => {
    const expired = new Case({ isOldest: true });
    expired.item(5, RUN, { expiresAt: expired.nowMs }).log.durableTimeMs -= 1;
    expect(await expired.of(put(5))).to.equal('keep');
    const flushed = new Case({ isOldest: true });
    flushed.item(5, RUN).flush(101);
    expect(await flushed.of(put(5))).to.equal('keep');
    expect(await flushed.of(flush(9)), 'a flush behind it').to.equal('verbatim');
    expect(flushed.judge.stuckBytes).to.equal(frameOf(flush(9)).length);
  });

  it('keeps a put that only a flush would kill which is not durable or not due', async () => {
    const unsynced = new Case({ isOldest: true }).item(5, RUN).flush(101);
    expect(await unsynced.of(put(5))).to.equal('keep');
    const later = new Case({ isOldest: true }).item(5, RUN);
    later.flush(9, later.nowMs + 1000);
    expect(await later.of(put(5))).to.equal('keep');
    expect(later.parts.items.count).to.equal(1);
  });

  it('keeps a delete while an older segment may hold the key, unless a later put replaces it', async () => {
    expect(await new Case().of(removal(6))).to.equal('keep');
    expect(await new Case({ isOldest: true }).of(removal(6))).to.equal('drop');
    expect(await new Case().item(9, NEWER).of(removal(6))).to.equal('drop');
  });

  it('leaves every record of a key as it is while a change of it is not durable', async () => {
    const replaced = new Case({ isOldest: true }).item(101, NEWER);
    const deleted = new Case({ isOldest: true });
    deleted.parts.items.unsynced.note(KEY, 0, KEY.length, 101);
    for (const each of [replaced, deleted]) {
      const records = [put(5), removal(6), touch(7, 5, 0)];
      for (const record of records) expect(await each.of(record)).to.equal('verbatim');
      const bytes = records.reduce((sum, record) => sum + frameOf(record).length, 0);
      expect(each.judge.stuckBytes).to.equal(bytes);
    }
  });

  it('keeps a touch only of a put outside the run, and only while the touch gives its expiry', async () => {
    const expiresAt = new Case().nowMs + 5000;
    const older = new Case().item(5, OLDER, { expiresAt });
    expect(await older.verdict(touch(7, 5, expiresAt))).to.deep.equal({
      verdict: 'keep',
      expiresAt,
    });
    expect(await older.of(touch(7, 5, expiresAt + 1))).to.equal('drop');
    expect(await older.of(touch(7, 4, expiresAt))).to.equal('drop');
    expect(await new Case().item(5, RUN, { expiresAt }).of(touch(7, 5, expiresAt))).to.equal(
      'drop',
    );
  });

  it('makes a tombstone of a touch whose item is gone, since the put may lie in an older segment', async () => {
    expect(await new Case().of(touch(7, 5, 1))).to.equal('tombstone');
    expect(await new Case({ isOldest: true }).of(touch(7, 5, 1))).to.equal('drop');
  });

  it('drops a flush from the oldest run, however many items it kills', async () => {
    expect(await new Case({ isOldest: true }).flush(9).of(flush(9))).to.equal('drop');
  });

  it('drops a flush from another run when it is retired and no older segment needs it', async () => {
    const open = new Case().flush(9);
    const needed = new Case();
    needed.segments[OLDER]!.flushNeed.note(9);
    for (const each of [open, needed]) {
      expect(await each.of(flush(9))).to.equal('verbatim');
      expect(each.judge.keptFlushBytes).to.equal(frameOf(flush(9)).length);
      expect(each.judge.keptFlushes.state).to.deep.equal({ from: 9, to: 9 });
      expect(each.judge.stuckBytes).to.equal(0);
    }
    expect(await needed.of(flush(8)), 'another').to.equal('drop');
    open.parts.flushes.close();
    open.parts.flushes.retire(1);
    expect(await open.of(flush(9))).to.equal('drop');
    const newer = new Case();
    newer.segments[NEWER]!.flushNeed.note(9);
    newer.segments[RUN]!.flushNeed.note(9);
    expect(await newer.of(flush(9))).to.equal('drop');
  });

  it('notes the flush that killed an item, for the case that the compaction fails', async () => {
    const each = new Case().item(5, RUN).flush(9);
    expect(await each.of(put(5))).to.equal('tombstone');
    expect(each.judge.killers.state).to.deep.equal({ from: 9, to: 9 });
    expect(each.segments[RUN]!.flushNeed.isEmpty).to.equal(true);
  });

  it('keeps a delayed flush until another record has durably carried it out', async () => {
    for (const delayMs of [1000, -1000]) {
      const oldest = new Case({ isOldest: true });
      const atMs = oldest.nowMs + delayMs;
      oldest.flush(9, atMs);
      expect(await oldest.of(flush(9, atMs))).to.equal('verbatim');
      expect(oldest.judge.stuckBytes).to.equal(frameOf(flush(9)).length);
      const { promises } = oldest.parts.flushes;
      const undo = promises.carryOut(atMs, 101, oldest.log.watermark);
      expect(await oldest.of(flush(9, atMs)), 'above the watermark').to.equal('verbatim');
      // Until then the segment still needs the record that carried it out.
      expect(oldest.judge.keptVerbatim).to.equal(true);
      oldest.judge.keptVerbatim = false;
      undo();
      expect(await oldest.of(flush(9, atMs)), 'taken back').to.equal('verbatim');
      expect(oldest.judge.keptVerbatim).to.equal(false);
      promises.carryOut(atMs, 50, oldest.log.watermark);
      expect(await oldest.of(flush(9, atMs))).to.equal('drop');
    }
  });

  it('keeps a flush that stands after a record which had to stay as it is', async () => {
    const each = new Case({ isOldest: true });
    each.parts.items.unsynced.note(KEY, 0, KEY.length, 101);
    expect(await each.of(put(5))).to.equal('verbatim');
    expect(await each.of(flush(9))).to.equal('verbatim');
  });

  it('keeps the descriptor of a large value with its put', async () => {
    const large = {
      ...put(5),
      marks: RECORD_MARK.largeValue,
      value: RECORDS['put-large-value']!.value,
    };
    expect(await new Case().item(5, RUN).of(large)).to.equal('keep');
  });

  it('yields to the loop after a few ms, whatever each record costs', async () => {
    const each = new Case();
    const { parts } = each;
    const { clock } = parts.env;
    let nowMs = 0;
    const turnsMs: number[] = [];
    clock.monotonicMs = () => nowMs;
    clock.defer = (call) => {
      turnsMs.push(nowMs);
      setImmediate(call);
    };
    const { liveness } = parts;
    const isDeadForGood = liveness.isDeadForGood.bind(liveness);
    liveness.isDeadForGood = (ref) => {
      nowMs += 0.5;
      return isDeadForGood(ref);
    };
    each.item(5, RUN);
    const entries = new EntryListBuilder();
    for (let n = 0; n < 1000; n += 1) entries.addFrame(frameOf(put(5), 64), 0, 64);
    hashEntries(entries, SEED);
    const question = { ask: 'judge', count: 1000, entries: entries.bytes, bytes: 64 } as const;
    const { verdicts } = await each.judge.answer(question);
    expect([...verdicts]).to.deep.equal(Array(1000).fill(VERDICT.keep));
    expect(nowMs).to.equal(500);
    const longest = Math.max(...turnsMs.map((ms, at) => ms - (turnsMs[at - 1] ?? 0)));
    expect(longest).to.be.within(3, 8);
    parts.commits.closed = true;
    expect(isKvError(await each.judge.answer(question).catch((error: unknown) => error))).to.equal(
      true,
    );
  });
});
