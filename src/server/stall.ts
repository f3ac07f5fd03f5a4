// Notices a client that holds a connection without getting on: half a request that never becomes whole, or
// replies that it does not take. Looked at every second; between the looks it costs nothing.
//
// Invariant: only what the client owes counts. Time that the server takes (a busy disk, a value on its way)
// never does.

/** A request that is not whole has to arrive at least this fast, in bytes a second. */
const REQUEST_BYTES_PER_SECOND = 1024;

/** What a connection has done so far; all but `isUnfinished` only grow. */
interface Progress {
  readonly bytesReceived: number;
  readonly requests: number;
  /** Bytes of replies that the system has taken for the client. */
  readonly bytesTaken: number;
  /** A request has begun and is not whole, and its bytes would be read. */
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

  /** True when the client has owed the same for `limitMs`. */
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

/** When a client sent, known to the second: what came is noticed at the next look, so that no request reads a clock. */
export class InputTimes {
  readonly acceptedMs: number;
  bytesReceived = 0;
  #bytesSeen = 0;
  #lastInputMs: number;

  constructor(acceptedMs: number) {
    this.acceptedMs = acceptedMs;
    this.#lastInputMs = acceptedMs;
  }

  /** Call every second. */
  look(nowMs: number): void {
    if (this.bytesReceived === this.#bytesSeen) return;
    this.#bytesSeen = this.bytesReceived;
    this.#lastInputMs = nowMs;
  }

  /** Ms without input. */
  silenceMs(nowMs: number): number {
    return this.bytesReceived === this.#bytesSeen ? nowMs - this.#lastInputMs : 0;
  }
}
