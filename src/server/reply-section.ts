// A run of replies in request order, composed into one buffer, with marks on those that may not leave
// yet. What lies before the first mark that is not durable may be sent.
// Invariants: marks are in order and do not overlap; a section that is open (its reply is still being
// read from the disk) ends the run: later replies are in later sections.

import { compose } from '../protocol/composer.js';
import { Output } from '../protocol/output.js';
import type { ReplyForm } from '../protocol/reply-form.js';
import { errorReply, type ErrorName } from '../protocol/reply.js';

/** Bytes `start`..`end` depend on the record `after`. */
interface Mark {
  start: number;
  end: number;
  readonly after: number;
  /** How to say that it failed. */
  readonly form: ReplyForm;
}

export class ReplySection {
  readonly output = new Output();
  isOpen: boolean;
  #marks: Mark[] = [];
  #firstMark = 0;

  constructor(isOpen: boolean) {
    this.isOpen = isOpen;
  }

  get isEmpty(): boolean {
    return this.output.length === 0 && this.#firstMark === this.#marks.length;
  }

  get markCount(): number {
    return this.#marks.length - this.#firstMark;
  }

  /** Its very first byte waits for a record above `watermark`. */
  isHeldBack(watermark: number): boolean {
    const first = this.#marks[this.#firstMark];
    return first !== undefined && first.start === 0 && first.after > watermark;
  }

  /** What was composed from byte `start` on may leave only when `after` is durable. */
  mark(start: number, after: number, form: ReplyForm): void {
    this.#marks.push({ start, end: this.output.length, after, form });
  }

  /** Bytes that may leave now. */
  readyBytes(watermark: number): number {
    const marks = this.#marks;
    while (this.#firstMark < marks.length && marks[this.#firstMark]!.after <= watermark) {
      this.#firstMark += 1;
    }
    if (this.#firstMark < marks.length) return marks[this.#firstMark]!.start;
    if (marks.length > 0) {
      this.#marks = [];
      this.#firstMark = 0;
    }
    return this.output.length;
  }

  /** As take(), when the output has lent bytes: their parts. */
  takeParts(count: number): Buffer[] {
    const parts = this.output.takeParts();
    let left = count;
    let at = 0;
    for (; at < parts.length && parts[at]!.length <= left; at++) left -= parts[at]!.length;
    const ready = parts.splice(0, at);
    if (left > 0) {
      ready.push(parts[0]!.subarray(0, left));
      parts[0] = parts[0]!.subarray(left);
    }
    for (const part of parts) this.output.writeValue(part, undefined, 0, part.length, true);
    this.#moveMarks(count);
    return ready;
  }

  /** Takes the first `count` bytes out; readyBytes() must have allowed them. */
  take(count: number): Buffer {
    const bytes = this.output.take();
    if (count === bytes.length) {
      for (const mark of this.#marks) mark.start = mark.end = 0;
      return bytes;
    }
    this.output.writeBytes(bytes.subarray(count));
    this.#moveMarks(count);
    return bytes.subarray(0, count);
  }

  /**
   * Replaces every reply that depends on a record above `watermark` by an error; returns how many.
   * `onQuiet` is called for each that its form does not answer.
   */
  fail(watermark: number, error: ErrorName, onQuiet: () => void): number {
    this.#dropMarks();
    const marks = this.#marks;
    if (marks.length === 0) return 0;
    this.#marks = [];
    const bytes = this.output.hasLent ? Buffer.concat(this.output.takeParts()) : this.output.take();
    let from = 0;
    let failed = 0;
    for (const mark of marks) {
      this.output.writeBytes(bytes.subarray(from, mark.start));
      from = mark.end;
      const start = this.output.length;
      if (mark.after <= watermark) {
        this.output.writeBytes(bytes.subarray(mark.start, mark.end));
        this.mark(start, mark.after, mark.form);
        continue;
      }
      compose(this.output, mark.form, errorReply(error));
      failed += 1;
      if (this.output.length === start) onQuiet();
    }
    this.output.writeBytes(bytes.subarray(from));
    return failed;
  }

  /** So many bytes before the marks that are left have gone. */
  #moveMarks(count: number): void {
    this.#dropMarks();
    for (const mark of this.#marks) {
      mark.start -= count;
      mark.end -= count;
    }
  }

  #dropMarks(): void {
    if (this.#firstMark === 0) return;
    this.#marks = this.#marks.slice(this.#firstMark);
    this.#firstMark = 0;
  }
}
