// A reply section: a run of replies in request order, composed into one buffer, with marks on those that may not leave
// yet. The bytes before the first mark that is not durable may be sent.
// Invariant: an open section, whose reply is still being read from the disk, ends the run: later replies are in later
// sections.

import { compose } from '../protocol/composer.js';
import { Output } from '../protocol/output.js';
import { errorReply, type ErrorName } from '../protocol/reply.js';
import type { ReplyTimings } from './latencies.js';
import { ReplyMarks } from './reply-marks.js';

export class ReplySection {
  readonly output = new Output();
  isOpen: boolean;
  /** The ranges of bytes that wait for the disk. */
  readonly marks = new ReplyMarks();
  /** Undefined: replies are not timed. */
  timings: ReplyTimings | undefined;

  constructor(isOpen: boolean) {
    this.isOpen = isOpen;
  }

  get isEmpty(): boolean {
    return this.output.length === 0 && this.marks.count === 0;
  }

  /** Ends the answer that marks.open() began. */
  endMark(): void {
    if (this.marks.count > 0) this.marks.close(this.output.length);
  }

  /** As take(), but in parts, for an output with lent bytes. */
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
    this.marks.shift(count);
    return ready;
  }

  /** Takes the first `count` bytes out, none of which waits for the disk. */
  take(count: number): Buffer {
    const bytes = this.output.take();
    if (count < bytes.length) this.output.writeBytes(bytes, count);
    this.marks.shift(count);
    if (count === bytes.length) return bytes;
    return bytes.subarray(0, count);
  }

  /**
   * Replaces every reply that depends on a record above `watermark` by an error; returns how many.
   * Calls `onQuiet` for each reply whose form hides the error, and `onOpen` for an incomplete reply, which must get no
   * further bytes.
   */
  fail(watermark: number, error: ErrorName, onQuiet: () => void, onOpen: () => void): number {
    if (this.marks.heldFrom(watermark) < 0) return 0;
    const { output } = this;
    const bytes = output.hasLent ? Buffer.concat(output.takeParts()) : output.take();
    let from = 0;
    let failed = 0;
    this.marks.takeAll(bytes.length, (start, end, after, form, isOpen) => {
      output.writeBytes(bytes, from, start);
      from = end;
      const place = output.length;
      if (after <= watermark) {
        output.writeBytes(bytes, start, end);
        if (isOpen) this.marks.open(place, after, form);
        else this.marks.add(place, output.length, after, form);
        return;
      }
      compose(output, form, errorReply(error));
      failed += 1;
      if (output.length === place) onQuiet();
      if (isOpen) onOpen();
    });
    output.writeBytes(bytes, from);
    return failed;
  }
}
