// The stall watch: notices a client that holds a connection without progress: a request that never becomes whole, or
// replies that it does not read. It looks every second and costs nothing in between.
//
// Invariant: only delays by the client count. Time that the server takes (a busy disk, a value that it is reading)
// never counts.

/** A request that is not whole must arrive at least this fast, in bytes per second. */
const REQUEST_BYTES_PER_SECOND = 1024;

/** The progress of a connection so far. The numbers only grow. */
interface Progress {
  readonly bytesReceived: number;
  readonly requests: number;
  /** Bytes of replies that the system has taken for the client. */
  readonly bytesTaken: number;
  /** A request has begun and is not whole, and the server would read its bytes. */
  readonly isUnfinished: boolean;
  /** Replies wait for the client to read. */
  readonly isUnread: boolean;
}

const NOTHING: Progress = {
  bytesReceived: 0,
  requests: 0,
  bytesTaken: 0,
  isUnfinished: false,
  isUnread: false,
};

export class StallWatch {
  #requestSinceMs = 0;
  #repliesSinceMs = 0;
  #request: Progress = NOTHING;
  #replies: Progress = NOTHING;

  /** True when the client has delayed the same request or the same replies for `limitMs`. */
  isStalled(now: Progress, nowMs: number, limitMs: number): boolean {
    const isNewRequest = !now.isUnfinished || !this.#request.isUnfinished;
    const arrived = now.bytesReceived - this.#request.bytesReceived;
    const enough = (REQUEST_BYTES_PER_SECOND * limitMs) / 1000;
    if (isNewRequest || now.requests !== this.#request.requests || arrived >= enough) {
      this.#request = now;
      this.#requestSinceMs = nowMs;
    }
    const isNewReply = !now.isUnread || !this.#replies.isUnread;
    if (isNewReply || now.bytesTaken !== this.#replies.bytesTaken) {
      this.#replies = now;
      this.#repliesSinceMs = nowMs;
    }
    return nowMs - Math.min(this.#requestSinceMs, this.#repliesSinceMs) >= limitMs;
  }
}

/** The times of a client's input, exact to the second: look() notices the input, so that no request reads a clock. */
export class InputTimes {
  readonly acceptedMs: number;
  bytesReceived = 0;
  #bytesSeen = 0;
  #lastInputMs: number;

  constructor(acceptedMs: number) {
    this.acceptedMs = acceptedMs;
    this.#lastInputMs = acceptedMs;
  }

  /** Notices new input. Call it every second. */
  look(nowMs: number): void {
    if (this.bytesReceived === this.#bytesSeen) return;
    this.#bytesSeen = this.bytesReceived;
    this.#lastInputMs = nowMs;
  }

  /** Returns the ms without input. */
  silenceMs(nowMs: number): number {
    return this.bytesReceived === this.#bytesSeen ? nowMs - this.#lastInputMs : 0;
  }
}
