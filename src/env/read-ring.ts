// The read ring: memory that the read thread and its client share. It has places; each holds a small read that
// was asked for and, later, its bytes. Both sides import this file, and nothing else knows the layout.
//
//   state   word 0  reads asked for       1  reads done       2  1: the thread has woken the client, which has not looked yet
//   places  5 words each: descriptor, position low and high, bytes wanted, bytes read (-1: failed)
//   bytes   READ_BYTES_MAX per place
//
// Invariants: the thread does reads in the order they were asked for. A place belongs to the thread from the
// moment a read is asked for until the read is done, and to the client otherwise.

export const PLACES = 256;
/** For a longer read the copy out of the ring would cost more than the ring saves. */
export const READ_BYTES_MAX = 4096;

export const ASKED = 0;
export const DONE = 1;
export const TOLD = 2;
const STATE_WORDS = 16;
const PLACE_WORDS = 5;
const HIGH = 2 ** 32;
const FAILED = -1;
const BYTES_START = (STATE_WORDS + PLACES * PLACE_WORDS) * 4;

export class ReadRing {
  readonly memory: SharedArrayBuffer;
  readonly state: Int32Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(memory = new SharedArrayBuffer(BYTES_START + PLACES * READ_BYTES_MAX)) {
    this.memory = memory;
    this.state = new Int32Array(memory, 0, STATE_WORDS);
    this.#words = new Int32Array(memory, STATE_WORDS * 4, PLACES * PLACE_WORDS);
    this.#bytes = new Uint8Array(memory, BYTES_START);
  }

  /** Asks for `wanted` bytes. `number` is how many reads were asked for before this one. */
  ask(number: number, fd: number, position: number, wanted: number): void {
    const at = placeOf(number) * PLACE_WORDS;
    const high = Math.floor(position / HIGH);
    this.#words[at] = fd;
    this.#words[at + 1] = position - high * HIGH;
    this.#words[at + 2] = high;
    this.#words[at + 3] = wanted;
    Atomics.store(this.state, ASKED, (number + 1) | 0);
    Atomics.notify(this.state, ASKED, 1);
  }

  /** Does read `number` by calling `read`. */
  serve(
    number: number,
    read: (
      fd: number,
      target: Uint8Array,
      start: number,
      bytes: number,
      position: number,
    ) => number,
  ): void {
    const at = placeOf(number) * PLACE_WORDS;
    const words = this.#words;
    const position = words[at + 2]! * HIGH + (words[at + 1]! >>> 0);
    const start = placeOf(number) * READ_BYTES_MAX;
    try {
      words[at + 4] = read(words[at]!, this.#bytes, start, words[at + 3]!, position);
    } catch {
      // The client then reads by itself and gets the error, which it can pass to its caller.
      words[at + 4] = FAILED;
    }
  }

  /** Copies the bytes read to `target`. Returns false when they do not fill it. */
  take(number: number, target: Uint8Array): boolean {
    const place = placeOf(number);
    if (this.#words[place * PLACE_WORDS + 4] !== target.length) return false;
    const start = place * READ_BYTES_MAX;
    target.set(this.#bytes.subarray(start, start + target.length));
    return true;
  }
}

function placeOf(number: number): number {
  return number & (PLACES - 1);
}
