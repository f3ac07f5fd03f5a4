// Which bytes of a reply section wait for the disk: ranges that may not leave before a seq is durable, in columns instead of
// an object per reply. A connection without such replies holds nothing.
//
// Invariants:
// - Ranges are in order and do not overlap. The last one may be open: it then ends where the section ends.
// - Bytes before the first range, and those behind a range up to the next, wait for nobody but the ranges before them.

import type { ReplyForm } from '../protocol/reply-form.js';

/** Longer columns are given up when the last range has gone. */
const KEPT_MAX = 256;
const OPEN = Number.MAX_SAFE_INTEGER;

export class ReplyMarks {
  #starts: number[] = [];
  #ends: number[] = [];
  #afters: number[] = [];
  /** How to say that it failed. */
  #forms: ReplyForm[] = [];
  #first = 0;
  #end = 0;
  /** Ranges that are here. Read for every request: a plain field. */
  count = 0;

  /** Where the first range begins, when it waits for a seq above `watermark`; -1: nothing does. */
  heldFrom(watermark: number): number {
    while (this.#first < this.#end && this.#afters[this.#first]! <= watermark) this.#first += 1;
    this.count = this.#end - this.#first;
    if (this.count > 0) return this.#starts[this.#first]!;
    if (this.#end > 0) this.#clear();
    return -1;
  }

  /** Bytes from `start` to before `end` wait for `after`. */
  add(start: number, end: number, after: number, form: ReplyForm): void {
    const at = this.#end;
    this.#starts[at] = start;
    this.#ends[at] = end;
    this.#afters[at] = after;
    this.#forms[at] = form;
    this.#end += 1;
    this.count += 1;
  }

  /** As add(), with an end that is still to come, unless the last range is open already: that then waits for `after` too. */
  open(start: number, after: number, form: ReplyForm): void {
    const last = this.#end - 1;
    if (last < this.#first || this.#ends[last] !== OPEN) this.add(start, OPEN, after, form);
    else if (after > this.#afters[last]!) this.#afters[last] = after;
  }

  /** The open range, if there is one, ends at `end`. */
  close(end: number): void {
    const last = this.#end - 1;
    if (last >= this.#first && this.#ends[last] === OPEN) this.#ends[last] = end;
  }

  /** So many bytes before the ranges have gone. */
  shift(bytes: number): void {
    for (let at = this.#first; at < this.#end; at += 1) {
      this.#starts[at]! -= bytes;
      if (this.#ends[at] !== OPEN) this.#ends[at]! -= bytes;
    }
  }

  /**
   * Takes all ranges out, in order: `visit` is given where each begins and ends (`length` for an open one), what it waits
   * for and its form.
   */
  takeAll(
    length: number,
    visit: (start: number, end: number, after: number, form: ReplyForm, isOpen: boolean) => void,
  ): void {
    const [starts, ends, afters, forms] = [this.#starts, this.#ends, this.#afters, this.#forms];
    const [first, end] = [this.#first, this.#end];
    this.#starts = [];
    this.#ends = [];
    this.#afters = [];
    this.#forms = [];
    this.#first = this.#end = this.count = 0;
    for (let at = first; at < end; at += 1) {
      const isOpen = ends[at] === OPEN;
      visit(starts[at]!, isOpen ? length : ends[at]!, afters[at]!, forms[at]!, isOpen);
    }
  }

  #clear(): void {
    this.#first = this.#end = 0;
    if (this.#starts.length <= KEPT_MAX) return;
    this.#starts = [];
    this.#ends = [];
    this.#afters = [];
    this.#forms = [];
  }
}
