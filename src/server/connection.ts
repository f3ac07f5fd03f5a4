// One client: bytes from its socket → parser → commands, in order; replies leave through Replies.
//
// Invariants:
// - Requests are run only while there is room for their replies and, for who waits for the disk, while that
//   keeps up; meanwhile the socket is not read, so that a client is slowed down and memory is bounded.
// - At most `requestsPerTurn` requests (keys, of a get) a turn of the loop, and some ms: a client that pipelines without
//   end delays nobody else. Those who have more share a part of each turn (turns.ts).
// - A client that leaves a request unfinished or its replies unread is noticed (stall.ts), and so is one that does
//   not log in where it has to.
// - onSpoke() is called once, at the first request of a client who needs no login or has logged in.
// - pump() may be called at any time, in vain as well: whatever may have become possible is tried there.

import type { Socket } from 'node:net';

import { assert } from '../assert.js';
import { openParser } from '../protocol/open-parser.js';
import type { Parsed, ParserOptions, RequestParser } from '../protocol/parser.js';
import type { BlockRooms } from '../protocol/receive-buffer.js';
import { run } from './commands/table.js';
import { onInput } from './lending-socket.js';
import { addressOf } from './peer.js';
import type { Receiver } from './receipts.js';
import { Replies } from './replies.js';
import { StallWatch } from './stall.js';
import {
  Session,
  type ConnectionControl,
  type ConnectionDescription,
  type Services,
} from './session.js';

/** Whether a turn's time is over is asked once in so many requests. */
const CLOCK_REQUESTS = 8;

/** What a client may send behind a login that waits for its check. */
const BYTES_BEHIND_LOGIN_MAX = 16 * 1024;

/** A client that has to log in has to do so within this time. */
const LOGIN_MS_MAX = 60_000;

/** What the server wants to know of a connection. */
export interface ConnectionEvents {
  /** See the invariants. */
  onSpoke(): void;
  onGone(): void;
}

export class Connection implements ConnectionControl, BlockRooms, Receiver {
  readonly id: number;
  readonly #socket: Socket;
  readonly #services: Services;
  readonly #parser: RequestParser;
  readonly #replies: Replies;
  readonly #session: Session;
  readonly #events: ConnectionEvents;
  readonly #listenAddress: string;
  /** Arrived while the parser could not take them; the socket is paused then. */
  #waiting: Buffer[] = [];
  /** A request is being answered that those behind it wait for. */
  #isBusy = false;
  #isRunning = false;
  #isYielding = false;
  /** It is its turn again. */
  #hasYielded = false;
  /** Nothing more is read or run; closed when the replies have left. */
  #isEnding = false;
  #hasInputEnded = false;
  #isGone = false;
  #isSilent = true;
  /** There is no memory yet for the value that has begun. */
  #awaitsRoom = false;
  readonly #acceptedMs: number;
  #lastInputMs: number;
  #bytesReceived = 0;
  #requests = 0;
  readonly #stall = new StallWatch();

  constructor(
    id: number,
    socket: Socket,
    options: ParserOptions,
    services: Services,
    listenAddress: string,
    events: ConnectionEvents,
  ) {
    this.id = id;
    this.#socket = socket;
    const parser = openParser(options, this);
    this.#parser = parser;
    this.#services = services;
    this.#listenAddress = listenAddress;
    this.#events = events;
    const { store, gate, counters } = services;
    this.#replies = new Replies(socket, store, gate, counters, () => this.#goOn());
    this.#session = new Session(services, this.#replies, this);
    this.#acceptedMs = services.clock.monotonicMs();
    this.#lastInputMs = this.#acceptedMs;
    onInput(socket, {
      receive: (chunk) => this.#receive(chunk),
      // What is still waiting comes first.
      room: () => (this.#waiting.length === 0 ? parser.room() : undefined),
    });
    socket.on('end', () => this.#endInput());
    socket.on('drain', () => this.#replies.onDrain());
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.#cleanUp());
  }

  /** Ms without input; 0 while a request is being answered. */
  idleMs(nowMs: number): number {
    return this.#isBusy || !this.#replies.isIdle ? 0 : nowMs - this.#lastInputMs;
  }

  /** The client has to log in and has not done so in time. The time that a password's check takes is not its own. */
  isLoginOverdue(nowMs: number): boolean {
    if (this.#session.isAuthenticated || this.#isBusy) return false;
    return nowMs - this.#acceptedMs >= LOGIN_MS_MAX;
  }

  /** The client has left a request unfinished, or its replies unread, for so long. Ask every second. */
  isStalled(nowMs: number, limitMs: number): boolean {
    const { writableLength } = this.#socket;
    const isUnfinished =
      !this.#isStopped() && (this.#parser.bufferedBytes > 0 || this.#parser.inValue);
    const progress = {
      bytesReceived: this.#bytesReceived,
      requests: this.#requests,
      bytesTaken: this.#replies.bytesWritten - writableLength,
      isUnfinished,
      isUnread: writableLength > 0,
    };
    return this.#stall.isStalled(progress, nowMs, limitMs);
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  describe(nowMs: number): ConnectionDescription {
    const idleMs = nowMs - this.#lastInputMs;
    return {
      id: this.id,
      ...addressOf(this.#socket, this.#listenAddress),
      state: this.#state(),
      idleSeconds: Math.floor(idleMs / 1000),
    };
  }

  /** Answers what was received, reads nothing more, and closes. */
  drain(): void {
    this.#endInput();
  }

  /** Drops the connection at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  claim(bytes: number, arrivedBytes: number): boolean {
    if (this.#isGone) return false;
    const outcome = this.#services.receipts.claim(this, bytes, arrivedBytes);
    if (outcome === 'refused') {
      this.#services.counters.read_buf_oom += 1;
      this.destroy();
    }
    this.#awaitsRoom = outcome !== 'granted';
    return !this.#awaitsRoom;
  }

  release(): void {
    this.#awaitsRoom = false;
    this.#services.receipts.release(this);
  }

  goOn(): void {
    this.#awaitsRoom = false;
    this.#pump();
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  get isHeldUp(): boolean {
    return this.#isStopped();
  }

  admit(): void {
    this.#parser.admit();
    this.#speak();
  }

  /** As `stats conns` names it. */
  #state(): string {
    if (this.#isEnding) return 'conn_closing';
    if (this.#parser.inValue) return 'conn_nread';
    if (this.#isRunning || this.#isBusy || this.#isYielding) return 'conn_parse_cmd';
    return this.#replies.isIdle ? 'conn_read' : 'conn_mwrite';
  }

  #receive(chunk: Buffer): void {
    this.#services.counters.bytes_read += chunk.length;
    this.#bytesReceived += chunk.length;
    const nowMs = (this.#lastInputMs = this.#services.clock.monotonicMs());
    if (this.#isEnding || this.#hasInputEnded) return;
    this.#waiting.push(chunk);
    const isOver = this.#services.turns.isOver(nowMs);
    if (isOver && !this.#isYielding && !this.#isStopped()) this.#yield();
    else this.#pump();
    this.#ownLent(chunk);
    // One whose turn is soon need not be paused for that.
    const isSoon = this.#isYielding && this.#waiting.length === 1;
    if (!isSoon && this.#isStopped() && !this.#listensOn()) this.#socket.pause();
  }

  /** The chunk's memory is lent for this call: what is left of it is copied. */
  #ownLent(chunk: Buffer): void {
    if (this.#parser.bufferedBytes > 0) this.#parser.settle();
    if (this.#waiting.at(-1) === chunk)
      this.#waiting[this.#waiting.length - 1] = Buffer.from(chunk);
  }

  /** The disk has to catch up first. */
  #isHeld(): boolean {
    const { gate } = this.#services;
    return gate.isCongested && (gate.isOverloaded || this.#replies.waitsForDisk);
  }

  /** Input cannot be taken at the moment. */
  #isStopped(): boolean {
    return (
      this.#isBusy ||
      this.#isYielding ||
      this.#isEnding ||
      this.#awaitsRoom ||
      this.#replies.isFull ||
      this.#isHeld()
    );
  }

  /** While a login waits, the socket is read on within bounds: else nobody would see that its client has gone. */
  #listensOn(): boolean {
    if (this.#session.login === undefined || this.#isEnding) return false;
    let bytes = this.#parser.bufferedBytes;
    for (const chunk of this.#waiting) bytes += chunk.length;
    return bytes <= BYTES_BEHIND_LOGIN_MAX;
  }

  /** Replies have left: what waited for that goes on. Mostly nothing did. */
  #goOn(): void {
    const isOver = this.#isEnding || this.#hasInputEnded;
    const hasInput = this.#waiting.length > 0 || this.#parser.bufferedBytes > 0;
    if (isOver || hasInput || this.#socket.isPaused()) this.#pump();
  }

  #pump(): void {
    if (this.#isGone || this.#isBusy || this.#isYielding) return;
    this.#isRunning = true;
    this.#runRequests();
    this.#isRunning = false;
    this.#replies.flush();
    if (!this.#isEnding) {
      if (this.#socket.isPaused() && !this.#isStopped() && !this.#hasInputEnded)
        this.#socket.resume();
    } else if (!this.#isBusy && this.#replies.isIdle) {
      this.#socket.destroySoon();
    }
  }

  /** Runs what the parser gives until it needs more, something has to be waited for, or the turn is over. */
  #runRequests(): void {
    const { gate, config, turns, clock } = this.#services;
    let left = turns.isCrowded && !this.#hasYielded ? 1 : config.requestsPerTurn;
    this.#hasYielded = false;
    let checkAt = left - CLOCK_REQUESTS;
    while (!this.#isEnding) {
      if (this.#replies.isFull) {
        this.#replies.flush();
        if (this.#replies.isFull) return;
      }
      if (this.#isHeld()) {
        gate.wait(this.#replies);
        return;
      }
      const parsed = this.#parser.next();
      if (parsed.kind === 'need-more') {
        const chunk = this.#waiting.shift();
        if (chunk !== undefined) {
          this.#parser.push(chunk);
          continue;
        }
        if (this.#hasInputEnded) this.#isEnding = true;
        return;
      }
      const pending = this.#run(parsed);
      if (parsed.kind !== 'value-piece') this.#requests += 1;
      if (this.#isSilent && this.#session.isAuthenticated) this.#speak();
      if (this.#session.closing) this.#isEnding = true;
      if (pending !== undefined) {
        this.#waitFor(pending);
        return;
      }
      left -= 1;
      if (left <= checkAt) {
        checkAt = left - CLOCK_REQUESTS;
        if (clock.monotonicMs() >= turns.endMs) left = 0;
      }
      if (left <= 0 && this.#parser.bufferedBytes > 0) {
        this.#yield();
        return;
      }
    }
  }

  #run(parsed: Exclude<Parsed, { readonly kind: 'need-more' }>): Promise<void> | undefined {
    const session = this.#session;
    switch (parsed.kind) {
      case 'close':
        session.closing = true;
        return undefined;
      case 'answer':
        session.answer(parsed.form, parsed.reply);
        if (parsed.close) session.closing = true;
        return this.#dropUpload();
      case 'value-piece':
        assert(session.upload !== undefined, 'A piece belongs to a large value');
        return session.upload.piece(parsed.bytes);
      case 'value-end': {
        const { upload } = session;
        assert(upload !== undefined, 'The end belongs to a large value');
        session.upload = undefined;
        return upload.end();
      }
      default:
        return run(parsed, session);
    }
  }

  #speak(): void {
    if (!this.#isSilent) return;
    this.#isSilent = false;
    this.#events.onSpoke();
  }

  /** Holds the requests behind until `pending` settles. A rejection is a bug and ends the process. */
  #waitFor(pending: Promise<void>): void {
    this.#isBusy = true;
    void pending.then(() => {
      this.#isBusy = false;
      if (this.#session.closing) this.#isEnding = true;
      this.#pump();
    });
  }

  /** Lets the other connections have their turn. */
  #yield(): void {
    this.#services.counters.conn_yields += 1;
    this.#isYielding = true;
    this.#services.turns.yield(() => {
      this.#isYielding = false;
      this.#hasYielded = true;
      this.#pump();
    });
  }

  #endInput(): void {
    this.#hasInputEnded = true;
    if (this.#session.login !== undefined) this.#session.login.hasEnded = true;
    this.#pump();
  }

  #dropUpload(): Promise<void> | undefined {
    const { upload } = this.#session;
    this.#session.upload = undefined;
    return upload?.abort();
  }

  #cleanUp(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#waiting = [];
    this.#replies.destroy();
    this.#services.receipts.release(this);
    void this.#dropUpload();
    this.#session.login?.cancel();
    for (const call of this.#session.cleanups) call();
    this.#events.onGone();
  }
}
