// The replies of one connection, in request order. A reply leaves as soon as the records that it depends on are durable.
// Immediate replies are composed straight into the output buffer, and all replies that may leave go out in
// one write per turn.
// Invariants: nothing leaves before Gate.isDurable. The order is the order of requests, even when a value
// comes from the disk later: its reply has a section of its own, behind which later sections wait.

import { Socket } from 'node:net';

import { compose } from '../protocol/composer.js';
import type { ReplyForm } from '../protocol/reply-form.js';
import type { ErrorName, Reply } from '../protocol/reply.js';
import type { Counters } from './counters.js';
import type { Durability, FailureCause } from '../log/durability.js';
import type { Gate, DiskWaiter } from './gate.js';
import { type DirectOutput, directOutput } from './lending-socket.js';
import { type Latencies, ReplyTimings, SECTION_END } from './latencies.js';
import { ReplySection } from './reply-section.js';

/** Bytes of output that a client has not read yet; above this, its requests wait. */
const BACKLOG_BYTES_MAX = 256 * 1024;
/** Replies of a connection that wait for the disk; above this, its requests wait. */
const MARKS_MAX = 16_384;
/** Values of a connection that are read from the disk at the same time. */
const OPEN_SECTIONS_MAX = 16;
/** Requests of a connection that a cluster handles at the same time. */
const OPEN_AHEAD_MAX = 1024;

/** A client with one request at a time needs two. */
const SPARE_SECTIONS_MAX = 32;
/** Replies that came later are joined up to this length, above which a system call costs little beside their copy. */
const JOINED_BYTES_MAX = 64 * 1024;

/** The owner of the replies. */
export interface RepliesOwner {
  /** Replies have left, so that requests may go on. */
  onRoom(): void;
}

export class Replies implements DiskWaiter {
  readonly #socket: Socket;
  /** Undefined: all output goes by the stream. */
  readonly #direct: DirectOutput | undefined;
  /** The socket copies the bytes that it takes at once, so that their memory can be used again. */
  readonly #copies: boolean;
  readonly #durability: Durability;
  readonly #gate: Gate;
  readonly #counters: Counters;
  readonly #owner: RepliesOwner;
  /** Undefined: replies are not timed. */
  readonly #latencies: Latencies | undefined;
  /** When the newest bytes of the client came, in ms; only with latencies. */
  arrivedMs = 0;
  #sections: ReplySection[] = [new ReplySection(false)];
  readonly #spare: ReplySection[] = [];
  /** The section for the next reply. */
  tail: ReplySection = this.#sections[0]!;
  #roomWaiters: { readonly section: ReplySection; readonly settle: (alive: boolean) => void }[] =
    [];
  #isDestroyed = false;
  readonly #openMax: number;
  #isInGate = false;
  /** True while a call of onDrain() is scheduled for this turn of the loop. */
  #isDraining = false;
  /** The last flush left nothing behind: no reply waits for the disk or for the client. */
  isClear = true;
  /** Bytes handed to the socket so far. */
  bytesWritten = 0;
  /** The error of a write without a reply that failed since the last barrier. */
  lostQuietWrite: ErrorName | undefined;
  /** An error has replaced the replies of the get whose keys are being answered: it gets no further replies. */
  hasLostGet = false;

  constructor(
    socket: Socket,
    gate: Gate,
    counters: Counters,
    owner: RepliesOwner,
    latencies?: Latencies,
    isAhead = false,
  ) {
    this.#socket = socket;
    this.#openMax = isAhead ? OPEN_AHEAD_MAX : OPEN_SECTIONS_MAX;
    this.#direct = directOutput(socket);
    // TLS sockets and the streams of tests may keep a reference to the written bytes.
    this.#copies = socket instanceof Socket && !('encrypted' in socket);
    this.#durability = gate.durability;
    this.#gate = gate;
    this.#counters = counters;
    this.#owner = owner;
    this.#latencies = latencies;
  }

  /** True while the client must read, or the disk catch up, before more is answered. */
  get isFull(): boolean {
    const sections = this.#sections;
    if (sections.length > this.#openMax || this.tail.marks.count >= MARKS_MAX) return true;
    let bytes = this.#socket.writableLength;
    for (let at = 0; at < sections.length; at++) bytes += sections[at]!.output.length;
    return bytes > BACKLOG_BYTES_MAX;
  }

  /** True when replies wait for the disk. */
  get waitsForDisk(): boolean {
    const sections = this.#sections;
    for (let at = 0; at < sections.length; at++) if (sections[at]!.marks.count > 0) return true;
    return false;
  }

  /** True when all replies have been handed to the socket. */
  get isIdle(): boolean {
    return this.#sections.length === 1 && this.tail.isEmpty;
  }

  /** Composes a reply that may leave when the seq `after` is durable (0: at once). */
  send(form: ReplyForm, reply: Reply, after: number, section: ReplySection = this.tail): void {
    if (after === 0) {
      compose(section.output, form, reply);
      return;
    }
    const start = section.output.length;
    compose(section.output, form, reply);
    this.gate(section, start, form, after);
  }

  /** Makes all bytes composed since `start` in `section` wait for `after`, as one reply. */
  gate(section: ReplySection, start: number, form: ReplyForm, after: number): void {
    const gate = this.#gate;
    const isVoid = after <= gate.voidUpto && gate.isVoid(after);
    if (after <= this.#durability.watermark && !isVoid) return;
    section.marks.add(start, section.output.length, after, form);
    if (!this.#isInGate) this.waitForDisk();
    if (isVoid) this.#fail(section, 'closed');
  }

  /** As gate(), for a part of an answer of which more follows. The failure of one part fails the whole answer. */
  gatePart(section: ReplySection, start: number, form: ReplyForm, after: number): void {
    const isVoid = this.#gate.isVoid(after);
    if (after <= this.#durability.watermark && !isVoid) return;
    section.marks.open(start, after, form);
    this.waitForDisk();
    if (isVoid) this.#fail(section, 'closed');
  }

  /** Asks the gate for a call at the next commit or failure. */
  waitForDisk(): void {
    if (this.#isInGate) return;
    this.#isInGate = true;
    this.#gate.wait(this);
  }

  /** Times a reply. It ends at the current end of the output, or it has a section of its own behind `before`. */
  time(command: number, before: ReplySection): void {
    if (this.#latencies === undefined || this.#isDestroyed) return;
    const { tail } = this;
    const own = tail !== before && tail.isEmpty ? this.#sections.at(-2) : undefined;
    const section = own ?? tail;
    section.timings ??= new ReplyTimings(this.#latencies);
    if (own !== undefined) section.timings.add(SECTION_END, command, this.arrivedMs, false);
    else section.timings.add(tail.output.length, command, this.arrivedMs, tail.marks.count === 0);
  }

  /** Opens a section for a reply that comes later. Later replies wait behind it until close(). */
  open(): ReplySection {
    const section = this.tail.isEmpty && !this.tail.isOpen ? this.tail : this.#append();
    section.isOpen = true;
    this.#append();
    return section;
  }

  /** Closes the section of open(). Sections that are closed in one turn of the loop leave together. */
  close(section: ReplySection): void {
    section.isOpen = false;
    if (this.#isDraining) return;
    this.#isDraining = true;
    process.nextTick(this.#drain);
  }

  readonly #drain = (): void => {
    this.#isDraining = false;
    this.onDrain();
  };

  /**
   * Resolves to true when `section` is the next to leave and the client has read enough of the earlier replies, to false
   * when the connection is closed.
   */
  room(section: ReplySection): Promise<boolean> {
    if (this.#isDestroyed) return Promise.resolve(false);
    this.flush();
    if (this.#hasRoom(section)) return Promise.resolve(true);
    return new Promise((settle) => this.#roomWaiters.push({ section, settle }));
  }

  /** Writes all bytes that may leave; asks the gate for a call when the rest may. */
  flush(): void {
    if (this.#isDestroyed) return;
    if (this.#sections.length > 1) {
      this.#join();
      this.#socket.cork();
      while (this.#writeHead()) this.#retire(this.#sections.shift()!);
      this.#socket.uncork();
    } else {
      this.#writeHead();
    }
    const isHeld = this.tail.marks.count > 0 || (this.#sections.length > 1 && this.waitsForDisk);
    if (isHeld && !this.#isInGate) this.waitForDisk();
    this.isClear = !isHeld && this.#sections.length === 1 && this.#socket.writableLength === 0;
    if (this.#roomWaiters.length > 0) this.#wakeWriters();
  }

  onDurable(): void {
    this.#isInGate = false;
    if (this.#isDestroyed) return;
    // Half of the calls come too early, because the record is in the next batch.
    const { marks } = this.#sections[0]!;
    if (marks.count > 0 && marks.heldFrom(this.#durability.watermark) === 0) this.waitForDisk();
    else this.onDrain();
  }

  onFailed(cause: FailureCause): void {
    this.#isInGate = false;
    if (this.#isDestroyed) return;
    for (const section of this.#sections) {
      this.#fail(section, cause === 'no-space' ? 'no-space' : 'closed');
    }
    this.onDrain();
  }

  /** Goes on after the client has read or the disk has caught up. */
  onDrain(): void {
    this.flush();
    this.#owner.onRoom();
  }

  destroy(): void {
    this.#isDestroyed = true;
    for (const waiter of this.#roomWaiters) waiter.settle(false);
    this.#roomWaiters = [];
  }

  /** Puts errors in the place of the replies whose records were taken back. */
  #fail(section: ReplySection, error: ErrorName): void {
    const { watermark } = this.#durability;
    const onQuiet = (): void => {
      this.#counters.noreply_failed += 1;
      this.lostQuietWrite = 'no-space';
    };
    const onOpen = (): void => {
      this.hasLostGet = true;
    };
    section.timings?.clear();
    this.#counters.failed_replies += section.fail(watermark, error, onQuiet, onOpen);
  }

  #wakeWriters(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const waiter of waiters) {
      if (this.#hasRoom(waiter.section)) waiter.settle(true);
      else this.#roomWaiters.push(waiter);
    }
  }

  #append(): ReplySection {
    const section = this.#spare.pop() ?? new ReplySection(false);
    this.#sections.push(section);
    this.tail = section;
    return section;
  }

  /** Later sections do not count, because they leave only after this one. */
  #hasRoom(section: ReplySection): boolean {
    if (this.#sections[0] !== section) return false;
    return this.#socket.writableLength + section.output.length <= BACKLOG_BYTES_MAX;
  }

  /** Writes the first `count` bytes: directly as far as the socket takes them, the rest by the stream. */
  #write(section: ReplySection, count: number): void {
    const { output, marks } = section;
    const sent = this.#direct === undefined ? 0 : this.#direct.writeNow(output.buffer, count);
    if (sent === count) {
      output.drop(count);
      if (marks.count > 0) marks.shift(count);
      return;
    }
    const bytes = section.take(count);
    this.#socket.write(sent === 0 ? bytes : bytes.subarray(sent));
    if (this.#copies && this.#socket.writableLength === 0) output.recycle();
  }

  /** Writes the parts in one system call, as far as the socket takes them. */
  #writeParts(parts: readonly Buffer[]): void {
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
  }

  /** Moves the finished sections behind the first one into it, so that they leave in one system call. */
  #join(): void {
    const sections = this.#sections;
    const head = sections[0]!;
    if (!isFinished(head)) return;
    let joined = 0;
    for (let at = 1; at < sections.length; at++) {
      const next = sections[at]!;
      const { length } = next.output;
      if (!isFinished(next) || head.output.length + length > JOINED_BYTES_MAX) break;
      head.output.writeBytes(next.output.buffer, 0, length);
      next.output.drop(length);
      next.timings?.handOver(length, next !== this.tail);
      if (next !== this.tail) joined = at;
    }
    for (const section of sections.splice(1, joined)) this.#retire(section);
  }

  /** Keeps a section that has left, and is empty, for a reply to come. */
  #retire(section: ReplySection): void {
    if (this.#spare.length < SPARE_SECTIONS_MAX) this.#spare.push(section);
  }

  /** Writes all bytes of the first section that may leave; returns true when it is done and others follow. */
  #writeHead(): boolean {
    const head = this.#sections[0]!;
    const { output, marks } = head;
    const held = marks.count === 0 ? -1 : marks.heldFrom(this.#durability.watermark);
    const count = held < 0 ? output.length : held;
    if (count > 0) {
      if (output.hasLent) this.#writeParts(head.takeParts(count));
      else this.#write(head, count);
      this.#counters.bytes_written += count;
      this.bytesWritten += count;
    }
    const isWhole = this.#sections.length > 1 && !head.isOpen && head.isEmpty;
    if (head.timings !== undefined) head.timings.handOver(count, isWhole);
    return isWhole;
  }
}

/** Checks whether no reply of the section is still to come or waits for the disk, and its bytes are all its own. */
function isFinished(section: ReplySection): boolean {
  return !section.isOpen && section.marks.count === 0 && !section.output.hasLent;
}
