// Reply marks: the ranges of a reply section that may not leave before a seq is durable. They are kept in columns
// instead of an object per reply. A connection without such replies holds nothing.
//
// Invariants:
// - Ranges are in order and do not overlap. The last one may be open: it then ends at the end of the section.
// - Bytes outside all ranges wait only for the ranges before them.

import type { ReplyForm } from '../protocol/reply-form.js';

/** Longer columns are given up when the last range has left. */
const KEPT_MAX = 256;
const OPEN = Number.MAX_SAFE_INTEGER;

export class ReplyMarks {
  #starts: number[] = [];
  #ends: number[] = [];
  #afters: number[] = [];
  /** The form of the error if the change fails. */
  #forms: ReplyForm[] = [];
  #first = 0;
  #end = 0;
  /** Number of ranges. A plain field, because it is read for every request. */
  count = 0;

  /** Returns the start of the first range that waits for a seq above `watermark`; -1: no range does. */
  heldFrom(watermark: number): number {
    while (this.#first < this.#end && this.#afters[this.#first]! <= watermark) this.#first += 1;
    this.count = this.#end - this.#first;
    if (this.count > 0) return this.#starts[this.#first]!;
    if (this.#end > 0) this.#clear();
    return -1;
  }

  /** Makes the bytes from `start` to before `end` wait for `after`. */
  add(start: number, end: number, after: number, form: ReplyForm): void {
    const at = this.#end;
    this.#starts[at] = start;
    this.#ends[at] = end;
    this.#afters[at] = after;
    this.#forms[at] = form;
    this.#end += 1;
    this.count += 1;
  }

  /** As add(), with an end that is still to come. If the last range is open already, that range waits for `after` too. */
  open(start: number, after: number, form: ReplyForm): void {
    const last = this.#end - 1;
    if (last < this.#first || this.#ends[last] !== OPEN) this.add(start, OPEN, after, form);
    else if (after > this.#afters[last]!) this.#afters[last] = after;
  }

  /** Ends the open range, if there is one, at `end`. */
  close(end: number): void {
    const last = this.#end - 1;
    if (last >= this.#first && this.#ends[last] === OPEN) this.#ends[last] = end;
  }

  /** Moves all ranges, because the first `bytes` of the section have left. */
  shift(bytes: number): void {
    for (let at = this.#first; at < this.#end; at += 1) {
      this.#starts[at]! -= bytes;
      if (this.#ends[at] !== OPEN) this.#ends[at]! -= bytes;
    }
  }

  /**
   * Takes all ranges out, in order. `visit` gets the start and the end of each (`length` for an open one), the seq that
   * it waits for and its form.
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
