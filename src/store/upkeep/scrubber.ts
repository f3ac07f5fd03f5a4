// The scrubber (--scrub-rate): reads sealed segments and large values again, piece by piece at that rate. So damage
// is known before a client meets it, and while backups are still good.
//
// Invariants:
// - Each piece is one turn of the background work: a compaction waits for one piece at most, and no segment
//   disappears while it is read.
// - A large value that is deleted meanwhile is no damage.

import { failureText } from '../../errors.js';
import type { Timer } from '../../env/env.js';
import { largeValueName, segmentName } from '../../log/bytes/file-names.js';
import type { LargeReference } from '../../log/segments/large-value-file.js';
import type { Segment } from '../../log/segments/segment.js';
import type { ScrubDone, ScrubTask } from '../background/messages.js';
import { placeOf } from './compaction.js';
import type { StoreParts } from '../items/parts.js';
import { ScrubFindings } from './scrub-findings.js';

/** Bounds of the bytes read at once: below a MiB, a scan would read the same bytes again and again. */
const PIECE_BYTES_MIN = 1024 * 1024;
const PIECE_BYTES_MAX = 8 * 1024 * 1024;
/** The least time between the starts of two passes: a small store is not read without a pause. */
const PASS_MS_MIN = 60_000;

type Target = Segment | LargeReference;

export class Scrubber {
  readonly findings = new ScrubFindings();
  readonly #parts: StoreParts;
  readonly #perform: (task: () => ScrubTask | undefined) => Promise<ScrubDone | undefined>;
  #timer: Timer | undefined;
  #targets: Target[] = [];
  #from = 0;
  #passStartedMs = Number.NEGATIVE_INFINITY;
  #isPassing = false;
  #closed = false;

  /** `perform` waits until the background worker is free, and only then asks for the task. */
  constructor(
    parts: StoreParts,
    perform: (task: () => ScrubTask | undefined) => Promise<ScrubDone | undefined>,
  ) {
    this.#parts = parts;
    this.#perform = perform;
    if (parts.options.scrubBytesPerSecond > 0) this.#plan(0);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #plan(delayMs: number): void {
    if (this.#closed) return;
    this.#timer = this.#parts.env.clock.setTimer(delayMs, () => void this.#turn());
  }

  async #turn(): Promise<void> {
    const { clock, logger } = this.#parts.env;
    const startedMs = clock.monotonicMs();
    if (this.#targets.length === 0) this.#beginPass(startedMs);
    let bytes = 0;
    try {
      bytes = await this.#scrubPiece();
    } catch (error) {
      if (this.#closed) return;
      logger.warn(`The scrubber skips a file: ${failureText(error)}`);
      this.#advance(undefined);
    }
    const pieceMs = (bytes / this.#parts.options.scrubBytesPerSecond) * 1000;
    const isDone = this.#targets.length === 0;
    const untilNextPassMs = isDone ? this.#passStartedMs + PASS_MS_MIN - clock.monotonicMs() : 0;
    if (isDone && this.#isPassing) {
      this.#isPassing = false;
      this.#parts.counters.scrubPasses += 1;
    }
    this.#plan(Math.max(pieceMs - (clock.monotonicMs() - startedMs), untilNextPassMs, 1));
  }

  #beginPass(nowMs: number): void {
    const { log, items } = this.#parts;
    this.#passStartedMs = nowMs;
    this.#isPassing = true;
    this.#from = 0;
    const sealed = log.table.ordered.filter((segment) => segment.sealed);
    this.#targets = [...sealed, ...items.largeReferences()];
  }

  /** Scrubs the next piece. Returns the number of bytes that were read. */
  async #scrubPiece(): Promise<number> {
    const { counters } = this.#parts;
    const target = this.#targets[0];
    const done = await this.#perform(() => this.#taskFor(target));
    if (target === undefined || done === undefined) {
      this.#advance(undefined);
      return 0;
    }
    counters.scrubbedBytes += done.bytes;
    if (done.damage !== undefined) this.#report(target, done.damage.offset, done.damage.what);
    else if (done.isMissing && this.#isNeeded(target))
      this.#report(target, 0, 'The file is missing');
    this.#advance(done.next);
    return done.bytes;
  }

  /** Returns the task, or undefined when the target was compacted away or deleted since the pass began. */
  #taskFor(target: Target | undefined): ScrubTask | undefined {
    if (target === undefined || !this.#isNeeded(target)) return undefined;
    const { scrubBytesPerSecond } = this.#parts.options;
    return {
      task: 'scrub',
      storeId: this.#parts.log.storeId,
      target: 'id' in target ? target : placeOf(target),
      from: this.#from,
      bytesMax: Math.min(PIECE_BYTES_MAX, Math.max(PIECE_BYTES_MIN, scrubBytesPerSecond)),
    };
  }

  #isNeeded(target: Target): boolean {
    const { log, items } = this.#parts;
    return 'id' in target ? items.largeIds().has(target.id) : log.table.ordered.includes(target);
  }

  #advance(next: number | undefined): void {
    this.#from = next ?? 0;
    if (next === undefined) this.#targets.shift();
  }

  #report(target: Target, offset: number, what: string): void {
    const { env } = this.#parts;
    const file =
      'id' in target ? largeValueName(target.id) : segmentName(target.last, target.generation);
    if (!this.findings.note(file, offset)) return;
    env.logger.error('The scrubber found damage; run kv-check', { file, offset, what });
  }
}
