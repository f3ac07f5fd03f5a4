// The connection of one client: its bytes go to the parser, the requests run in order, replies leave by Replies.
//
// Invariants:
// - Requests run only while there is room for their replies and, if those wait for the disk, while the disk keeps up.
//   Otherwise the socket is not read, which slows the client down and bounds the memory.
// - A turn of the loop runs at most `requestsPerTurn` requests (for a get: keys) and takes some ms, so endless
//   pipelining delays nobody else. Connections with more requests share a part of each turn (turns.ts).
// - The server notices a client that leaves a request unfinished or its replies unread (stall.ts), and one that does
//   not log in although it has to.
// - spoke() is called once, at the first request of a client that needs no login or has logged in.
// - #pump() may be called at any time, even when nothing has changed. It tries all steps that may be possible now.
// - No request reads a clock to record its arrival: look() notices the arrival (stall.ts).

import type { Socket } from 'node:net';

import type { Durability } from '../log/durability.js';
import { openParser } from '../protocol/open-parser.js';
import { CLOSE, NEED_MORE } from '../protocol/parser.js';
import type { Parsed, ParserOptions, RequestParser } from '../protocol/parser.js';
import { type BlockRooms, ReceiveBuffer } from '../protocol/receive-buffer.js';
import { run, runTimed } from './commands/table.js';
import { moved, PHASE, type Phase } from './connection-phase.js';
import { type InputReceiver, onInput } from './lending-socket.js';
import { addressOf, idleSecondsOf } from './peer.js';
import type { Receiver } from './receipts.js';
import { Replies, type RepliesOwner } from './replies.js';
import { InputTimes, StallWatch } from './stall.js';
import { Session } from './session.js';
import type { ConnectionControl, ConnectionDescription, Services } from './session.js';

/** Bytes that a client may send behind a login that waits for its check. */
const BYTES_BEHIND_LOGIN_MAX = 16 * 1024;

/** A client that has to log in must do so within this time. */
const LOGIN_MS_MAX = 60_000;

/** The owner of the connections. */
export interface ConnectionOwner {
  /** The client has made its first request (see the invariants). */
  spoke(connection: Connection): void;
  /** The socket has closed; `isBroken`: by an error. */
  gone(connection: Connection, isBroken: boolean): void;
}

export class Connection
  implements ConnectionControl, BlockRooms, Receiver, InputReceiver, RepliesOwner
{
  readonly id: number;
  readonly socket: Socket;
  readonly #services: Services;
  readonly #durability: Durability;
  readonly #options: ParserOptions;
  readonly #input: ReceiveBuffer;
  /** Undefined before the first byte. */
  #parser: RequestParser | undefined;
  readonly #replies: Replies;
  readonly #session: Session;
  readonly #owner: ConnectionOwner;
  readonly #listenAddress: string;
  /** Chunks that arrived while the parser could not take them; the socket is then paused. */
  #waiting: Buffer[] = [];
  #phase: Phase = PHASE.READING;
  #isPaused = false;
  #hasInputEnded = false;
  #isSilent = true;
  /** True while the value that has begun waits for memory. */
  #awaitsRoom = false;
  #requests = 0;
  readonly #times: InputTimes;
  readonly #stall = new StallWatch();

  constructor(
    id: number,
    socket: Socket,
    options: ParserOptions,
    services: Services,
    listenAddress: string,
    owner: ConnectionOwner,
  ) {
    this.id = id;
    this.socket = socket;
    this.#options = options;
    this.#input = new ReceiveBuffer(this);
    this.#services = services;
    this.#listenAddress = listenAddress;
    this.#owner = owner;
    const { gate, counters, latencies, store } = services;
    this.#durability = gate.durability;
    const isAhead = store.appliesInCallOrder;
    this.#replies = new Replies(socket, gate, counters, this, latencies, isAhead);
    this.#session = new Session(services, this.#replies, this);
    this.#times = new InputTimes(services.clock.monotonicMs());
    onInput(socket, this);
    socket.on('end', () => this.drain());
    socket.on('drain', () => this.#replies.onDrain());
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.#cleanUp());
  }

  /** Notices new input. Call it every second, before the methods that return or compare times. */
  look(nowMs: number): void {
    this.#times.look(nowMs);
  }

  /** Returns the ms without input; 0 while a request is being answered. */
  idleMs(nowMs: number): number {
    const isAnswering = this.#phase === PHASE.BUSY || !this.#replies.isIdle;
    return isAnswering ? 0 : this.#times.silenceMs(nowMs);
  }

  /** True when the client is too late with a login that it needs. The time of a password check does not count. */
  isLoginOverdue(nowMs: number): boolean {
    if (this.#session.isAuthenticated || this.#phase === PHASE.BUSY) return false;
    return nowMs - this.#times.acceptedMs >= LOGIN_MS_MAX;
  }

  /** True when the client left a request unfinished or replies unread for `limitMs`. Call it every second. */
  isStalled(nowMs: number, limitMs: number): boolean {
    const { writableLength } = this.socket;
    const isUnfinished = !this.#isStopped() && (this.#input.length > 0 || this.#isInValue());
    const progress = {
      bytesReceived: this.#times.bytesReceived,
      requests: this.#requests,
      bytesTaken: this.#replies.bytesWritten - writableLength,
      isUnfinished,
      isUnread: writableLength > 0,
    };
    return this.#stall.isStalled(progress, nowMs, limitMs);
  }

  get remoteAddress(): string | undefined {
    return this.socket.remoteAddress;
  }

  describe(nowMs: number): ConnectionDescription {
    return {
      id: this.id,
      ...addressOf(this.socket, this.#listenAddress),
      state: this.#state(),
      idleSeconds: idleSecondsOf(this.#times.silenceMs(nowMs)),
    };
  }

  /** Answers the received requests, reads nothing more, and closes. */
  drain(): void {
    this.#hasInputEnded = true;
    if (this.#session.login !== undefined) this.#session.login.hasEnded = true;
    this.#pump();
  }

  /** Drops the connection at once. */
  destroy(): void {
    this.socket.destroy();
  }

  claim(bytes: number, arrivedBytes: number): boolean {
    if (this.#phase === PHASE.GONE) return false;
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

  holdUp(): void {
    this.#awaitsRoom = true;
    this.#isPaused = true;
    this.socket.pause();
  }

  get bytesReceived(): number {
    return this.#times.bytesReceived;
  }

  get isHeldUp(): boolean {
    return this.#isStopped();
  }

  admit(): void {
    this.#parser?.admit();
    this.#speak();
  }

  /** See InputReceiver. */
  receive(chunk: Buffer, count: number): Buffer | undefined {
    this.#services.counters.bytes_read += count;
    this.#times.bytesReceived += count;
    if (this.#phase === PHASE.ENDING || this.#hasInputEnded) return undefined;
    if (this.#phase === PHASE.READING && this.#waiting.length === 0) {
      if (this.#session.isTimed) this.#replies.arrivedMs = this.#services.clock.monotonicMs();
      this.#input.push(chunk, count);
      if (this.#services.turns.isOver() && !this.#isStopped()) this.#yield();
      else this.#pump();
    } else {
      this.#waiting.push(Buffer.from(chunk.subarray(0, count)));
    }
    // The chunk's memory is lent for this call only, so the rest of it is copied.
    if (this.#input.start < this.#input.end) this.#input.settle();
    // A connection that only waits for its next turn is not paused.
    const isSoon = this.#phase === PHASE.YIELDING && this.#waiting.length === 0;
    if (!isSoon && this.#isStopped() && !this.#listensOn()) {
      this.#isPaused = true;
      this.socket.pause();
    }
    return this.#input.expected === 0 ? undefined : this.room();
  }

  room(): Buffer | undefined {
    // Waiting chunks must be pushed first.
    return this.#waiting.length === 0 ? this.#input.room() : undefined;
  }

  onRoom(): void {
    const isOver = this.#phase === PHASE.ENDING || this.#hasInputEnded || this.#isPaused;
    const { start, end } = this.#input;
    if (isOver || start < end || this.#waiting.length > 0) this.#pump();
  }

  /** The state's name in `stats conns`. */
  #state(): string {
    if (this.#phase === PHASE.ENDING || this.#session.closing) return 'conn_closing';
    if (this.#isInValue()) return 'conn_nread';
    if (this.#phase !== PHASE.READING) return 'conn_parse_cmd';
    return this.#replies.isIdle ? 'conn_read' : 'conn_mwrite';
  }

  #isInValue(): boolean {
    return this.#parser !== undefined && this.#parser.inValue;
  }

  /** True while the disk must catch up before more requests run. */
  #isHeld(): boolean {
    const { congested, overloaded } = this.#durability;
    return congested && (overloaded || this.#replies.waitsForDisk);
  }

  /** True while no input can be taken. */
  #isStopped(): boolean {
    if (this.#phase !== PHASE.READING || this.#awaitsRoom) return true;
    if (this.#replies.isClear && !this.#durability.congested) return false;
    return this.#replies.isFull || (this.#durability.congested && this.#isHeld());
  }

  /** While a login waits, a bounded amount is still read. Otherwise the server would not notice that the client left. */
  #listensOn(): boolean {
    if (this.#session.login === undefined || this.#phase === PHASE.ENDING) return false;
    let bytes = this.#input.length;
    for (const chunk of this.#waiting) bytes += chunk.length;
    return bytes <= BYTES_BEHIND_LOGIN_MAX;
  }

  #pump(hasTurn = false): void {
    if (this.#phase === PHASE.READING) {
      this.#phase = PHASE.RUNNING;
      this.#runRequests(hasTurn);
      if (this.#phase === PHASE.RUNNING) this.#phase = PHASE.READING;
    } else if (this.#phase !== PHASE.ENDING) {
      return;
    }
    this.#replies.flush();
    if (this.#phase === PHASE.ENDING) {
      if (this.#replies.isIdle) this.socket.destroySoon();
    } else if (this.#isPaused && !this.#hasInputEnded && !this.#isStopped()) {
      this.#isPaused = false;
      this.socket.resume();
    }
  }

  /** Runs requests until the parser needs more bytes, a request has to wait, or the turn is over. */
  #runRequests(hasTurn: boolean): void {
    const { config, turns } = this.#services;
    const input = this.#input;
    const session = this.#session;
    let left = turns.isCrowded && !hasTurn ? 1 : config.requestsPerTurn;
    let checkAt = left - turns.lookRequests;
    // Before the first request the replies are as flush() left them, so isClear is still right.
    let mayFill = !this.#replies.isClear;
    for (;;) {
      if ((mayFill || this.#durability.congested) && !this.#hasRoomForReplies()) return;
      mayFill = true;
      const parsed = this.#next();
      if (parsed.kind === 'need-more') {
        if (this.#feed()) continue;
        return;
      }
      const pending = session.isTimed ? runTimed(parsed, session) : run(parsed, session);
      const isRequest = parsed.kind !== 'value-piece';
      if (isRequest) this.#requests += 1;
      if (this.#isSilent && session.isAuthenticated) this.#speak();
      if (pending !== undefined) {
        this.#waitFor(pending);
        return;
      }
      if (session.closing) {
        this.#phase = moved(this.#phase, PHASE.ENDING);
        return;
      }
      left -= 1;
      if (left <= checkAt || session.isClockDue) {
        session.isClockDue = false;
        checkAt = left - turns.lookRequests;
        if (turns.isUp()) left = 0;
      }
      if (left <= 0 && input.start < input.end) {
        this.#yield();
        return;
      }
      const isDrained = input.start === input.end && this.#waiting.length === 0;
      if (isDrained && isRequest && !this.#hasInputEnded) {
        // The usual case: the parser has no more bytes, and the chunk's memory goes back to the lender.
        input.settle();
        return;
      }
    }
  }

  /** True while there is room for more replies and the disk keeps up with the replies that wait for it. */
  #hasRoomForReplies(): boolean {
    const replies = this.#replies;
    if (replies.isFull) {
      replies.flush();
      if (replies.isFull) return false;
    }
    if (!this.#isHeld()) return true;
    replies.waitForDisk();
    return false;
  }

  /** Returns the next result of the parser, which the first byte of the input chooses. */
  #next(): Parsed {
    if (this.#parser === undefined) {
      if (this.#input.start === this.#input.end) return NEED_MORE;
      this.#parser = openParser(this.#options, this.#input);
      if (this.#parser === undefined) return CLOSE;
    }
    return this.#parser.next();
  }

  /** Gives the parser the next waiting chunk; returns false when there is none. */
  #feed(): boolean {
    const chunk = this.#waiting.shift();
    if (chunk !== undefined) {
      this.#input.push(chunk);
      return true;
    }
    if (this.#hasInputEnded) this.#phase = moved(this.#phase, PHASE.ENDING);
    return false;
  }

  #speak(): void {
    if (!this.#isSilent) return;
    this.#isSilent = false;
    this.#owner.spoke(this);
  }

  /** Holds further requests until `pending` settles. A rejection is a bug and ends the process. */
  #waitFor(pending: Promise<void>): void {
    this.#phase = moved(this.#phase, PHASE.BUSY);
    void pending.then(() => {
      if (this.#phase === PHASE.GONE) return;
      this.#phase = moved(this.#phase, this.#session.closing ? PHASE.ENDING : PHASE.READING);
      this.#pump();
    });
  }

  /** Gives the other connections their turn. */
  #yield(): void {
    this.#services.counters.conn_yields += 1;
    this.#phase = moved(this.#phase, PHASE.YIELDING);
    this.#services.turns.yield(() => {
      if (this.#phase === PHASE.GONE) return;
      this.#phase = moved(this.#phase, PHASE.READING);
      this.#pump(true);
    });
  }

  #cleanUp(): void {
    if (this.#phase === PHASE.GONE) return;
    this.#phase = moved(this.#phase, PHASE.GONE);
    this.#waiting = [];
    this.#replies.destroy();
    this.#services.receipts.release(this);
    void this.#session.dropUpload();
    this.#session.login?.cancel();
    for (const call of this.#session.cleanups) call();
    this.#owner.gone(this, this.socket.errored !== null);
  }
}
