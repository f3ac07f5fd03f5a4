// The replies of one connection, in request order, each leaving as soon as what it depends on is durable:
// immediate ones are composed straight into the output buffer, and everything that may leave goes out in
// one write a turn.
// Invariants: nothing leaves before Gate.isDurable; the order is the order of requests, also when a value
// comes from the disk later (it has its own section, which holds up those behind it).

import { Socket } from 'node:net';

import { compose } from '../protocol/composer.js';
import type { ReplyForm } from '../protocol/reply-form.js';
import type { ErrorName, Reply } from '../protocol/reply.js';
import type { Store } from '../store/store.js';
import type { Counters } from './counters.js';
import type { FailureCause } from '../log/durability.js';
import type { Gate, Waiter } from './gate.js';
import { ReplySection } from './reply-section.js';

/** Output that a client has not read yet: above this, its requests wait. */
const BACKLOG_BYTES_MAX = 256 * 1024;
/** Replies of a connection that wait for the disk: above this, its requests wait. */
const MARKS_MAX = 16_384;
/** Values of a connection that are being read from the disk at the same time. */
const OPEN_SECTIONS_MAX = 16;

export class Replies implements Waiter {
  readonly #socket: Socket;
  /** The socket copies what it takes at once, so that the memory can be used again. */
  readonly #copies: boolean;
  readonly #store: Store;
  readonly #gate: Gate;
  readonly #counters: Counters;
  readonly #onRoom: () => void;
  #sections: ReplySection[] = [new ReplySection(false)];
  #tail: ReplySection = this.#sections[0]!;
  #roomWaiters: { readonly section: ReplySection; readonly settle: (alive: boolean) => void }[] =
    [];
  #isDestroyed = false;
  /** Handed to the socket so far. */
  bytesWritten = 0;
  /** A write without a reply failed since the last barrier. */
  lostQuietWrite = false;
  /** The get whose keys are being answered has been replaced by an error: nothing more may be said of it. */
  hasLostGet = false;

  /** `onRoom`: called when replies left, so that requests may go on. */
  constructor(socket: Socket, store: Store, gate: Gate, counters: Counters, onRoom: () => void) {
    this.#socket = socket;
    // TLS and the streams of tests may keep a reference to what was written.
    this.#copies = socket instanceof Socket && !('encrypted' in socket);
    this.#store = store;
    this.#gate = gate;
    this.#counters = counters;
    this.#onRoom = onRoom;
  }

  /** Bytes composed and not taken by the system yet. */
  get backlogBytes(): number {
    let bytes = this.#socket.writableLength;
    const sections = this.#sections;
    for (let at = 0; at < sections.length; at++) bytes += sections[at]!.output.length;
    return bytes;
  }

  /** True while the client has to read, or the disk to catch up, before more is answered. */
  get isFull(): boolean {
    if (this.#sections.length > OPEN_SECTIONS_MAX) return true;
    return this.#tail.markCount >= MARKS_MAX || this.backlogBytes > BACKLOG_BYTES_MAX;
  }

  /** Replies wait for the disk. */
  get waitsForDisk(): boolean {
    const sections = this.#sections;
    for (let at = 0; at < sections.length; at++) if (sections[at]!.markCount > 0) return true;
    return false;
  }

  /** Everything that was answered has been handed to the socket. */
  get isIdle(): boolean {
    return this.#sections.length === 1 && this.#tail.isEmpty;
  }

  /** Where the next reply goes. */
  get tail(): ReplySection {
    return this.#tail;
  }

  /** Composes a reply that may leave when `after` is durable (0: at once). */
  send(form: ReplyForm, reply: Reply, after: number, section: ReplySection = this.#tail): void {
    if (after === 0) {
      compose(section.output, form, reply);
      return;
    }
    const start = section.output.length;
    compose(section.output, form, reply);
    this.gate(section, start, form, after);
  }

  /** Makes all that was composed since `start` in `section` wait for `after`, as one reply. */
  gate(section: ReplySection, start: number, form: ReplyForm, after: number): void {
    if (after === 0 || this.#gate.isDurable(after)) return;
    section.mark(start, after, form);
    this.#gate.wait(this);
    if (this.#gate.isVoid(after)) this.#fail(section, 'closed');
  }

  /** As gate(), for a part of an answer of which more follows: the failure of one part is that of all. */
  gatePart(section: ReplySection, start: number, form: ReplyForm, after: number): void {
    if (after === 0 || this.#gate.isDurable(after)) return;
    section.openMark(start, after, form);
    this.#gate.wait(this);
    if (this.#gate.isVoid(after)) this.#fail(section, 'closed');
  }

  /** Opens the place of a reply that comes later; those that follow wait behind it until close(). */
  open(): ReplySection {
    const section = this.#tail.isEmpty && !this.#tail.isOpen ? this.#tail : this.#append();
    section.isOpen = true;
    this.#append();
    return section;
  }

  close(section: ReplySection): void {
    section.isOpen = false;
    this.onDrain();
  }

  /**
   * Resolves to true when `section` is the next to leave and the client has read enough of what is
   * before, to false when the connection is gone.
   */
  room(section: ReplySection): Promise<boolean> {
    if (this.#isDestroyed) return Promise.resolve(false);
    this.flush();
    if (this.#hasRoom(section)) return Promise.resolve(true);
    return new Promise((settle) => this.#roomWaiters.push({ section, settle }));
  }

  /** Writes what may leave; asks the gate to be told when the rest may. */
  flush(): void {
    if (this.#isDestroyed) return;
    const corks = this.#sections.length > 1;
    if (corks) this.#socket.cork();
    this.#writeReady();
    if (corks) this.#socket.uncork();
    if (this.waitsForDisk) this.#gate.wait(this);
    if (this.#roomWaiters.length > 0) this.#wakeWriters();
  }

  onDurable(): void {
    // Half of those who wait are told in vain: their record is in the next batch.
    if (this.#sections[0]!.isHeldBack(this.#store.durability.watermark)) this.#gate.wait(this);
    else this.onDrain();
  }

  onFailed(cause: FailureCause): void {
    for (const section of this.#sections) {
      this.#fail(section, cause === 'no-space' ? 'no-space' : 'closed');
    }
    this.onDrain();
  }

  /** Something may leave, or has left: the client has read, the disk has caught up. */
  onDrain(): void {
    this.flush();
    this.#onRoom();
  }

  destroy(): void {
    this.#isDestroyed = true;
    this.#gate.forget(this);
    for (const waiter of this.#roomWaiters) waiter.settle(false);
    this.#roomWaiters = [];
  }

  /** Errors instead of the replies that depend on what was taken back. */
  #fail(section: ReplySection, error: ErrorName): void {
    const { watermark } = this.#store.durability;
    const onQuiet = (): void => {
      this.#counters.noreply_failed += 1;
      this.lostQuietWrite = true;
    };
    const onOpen = (): void => {
      this.hasLostGet = true;
    };
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
    const section = new ReplySection(false);
    this.#sections.push(section);
    this.#tail = section;
    return section;
  }

  /** What lies in the sections behind does not count: it leaves only after this one. */
  #hasRoom(section: ReplySection): boolean {
    if (this.#sections[0] !== section) return false;
    return this.#socket.writableLength + section.output.length <= BACKLOG_BYTES_MAX;
  }

  /** In one system call, as far as the socket takes them. */
  #writeParts(parts: readonly Buffer[]): void {
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
  }

  #writeReady(): void {
    for (;;) {
      const head = this.#sections[0]!;
      const count = head.readyBytes(this.#store.durability.watermark);
      if (count > 0) {
        if (head.output.hasLent) this.#writeParts(head.takeParts(count));
        else this.#socket.write(head.take(count));
        this.#counters.bytes_written += count;
        this.bytesWritten += count;
        if (this.#copies && this.#socket.writableLength === 0) head.output.recycle();
      }
      if (!head.isEmpty || head.isOpen || this.#sections.length === 1) return;
      this.#sections.shift();
    }
  }
}
