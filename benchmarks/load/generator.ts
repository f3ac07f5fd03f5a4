// The load generator: connections that send batches of requests and time the replies. It runs in a process of its own
// (main.ts), so that it never shares a loop with the server.
// Invariant: in a closed loop, latency counts from the sending of a request to the turn in which its batch was
// answered, as redis-benchmark counts a pipeline. In an open loop it counts from the time when a request was due to
// its own answer.

import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { Clock } from './clock.js';
import { LatencyHistogram } from './histogram.js';
import { seededRandom, sequentialKeys, uniformKeys, zipfianKeys, type KeyPicker } from './keys.js';
import { replyCounter, type ReplyCounter } from './replies.js';
import { BatchComposer, templatesOf } from './requests.js';
import { Schedule } from './schedule.js';
import type { LoadResult, LoadSpec } from './spec.js';

/** Clock ticks of /proc per second: 100 on every Linux that Node runs on. */
const PROC_TICKS_PER_SECOND = 100;
/** All connections share the buffer: a reply is counted before the next one is read. */
const RECEIVE_BYTES = 256 * 1024;
/** A fill that gets no reply for this long has failed. */
const STALL_MS = 30_000;
/** A load that gets no reply for this long after its end has failed. */
const FIRST_REPLY_MS = 10_000;
/** Open loop: the most requests in one write. */
const DUE_BATCH_MAX = 64;

export interface CpuTime {
  /** CPU time in the program's own code; the other figure includes the kernel's work for it. */
  readonly userUs: number;
  readonly totalUs: number;
}

/** Returns the CPU time that a process has used so far, of all threads, in steps of 10 ms. */
export function processCpu(pid: number): CpuTime {
  if (pid === 0) return { userUs: 0, totalUs: 0 };
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The command name is in brackets and may hold spaces; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [userUs, kernelUs] = [fields[11], fields[12]].map(
    (ticks) => (Number(ticks) * 1e6) / PROC_TICKS_PER_SECOND,
  ) as [number, number];
  return { userUs, totalUs: userUs + kernelUs };
}

/** The values of the counters when the measured time began. */
interface Marks {
  cpu: CpuTime;
  ownCpu: NodeJS.CpuUsage;
  at: number;
  misses: number;
  errors: number;
}

function keyPickerOf(spec: LoadSpec): KeyPicker {
  const random = seededRandom(spec.seed);
  if (spec.mode === 'fill') return sequentialKeys(spec.keyStep);
  return spec.distribution === 'zipfian'
    ? zipfianKeys(spec.keyCount, random)
    : uniformKeys(spec.keyCount, random);
}

interface Connection {
  readonly socket: Socket;
  readonly composer: BatchComposer;
  readonly counter: ReplyCounter;
  outstanding: number;
  batch: number;
  /** The performance.now() from which latency counts. */
  since: number;
  /** Open loop: requests sent and answered so far. */
  sent: number;
  answered: number;
  /** Open loop: the server has not yet taken the bytes that were sent before. */
  isHeldUp: boolean;
}

export class LoadGenerator {
  readonly #spec: LoadSpec;
  readonly #latency = new LatencyHistogram();
  /** Open loop: how late the generator was with the requests that were due. */
  readonly #late = new LatencyHistogram();
  readonly #nextKey: KeyPicker;
  readonly #random;
  readonly #receive = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
  #connections: Connection[] = [];
  #schedule: Schedule | undefined;
  #clock: Clock | undefined;
  /** Open loop: requests that are due after this time are not sent. */
  #lastDueMs = Infinity;
  #toSend: number;
  #answered = 0;
  #stopped = false;
  #fail: (error: Error) => void = () => {};
  #finishFill: () => void = () => {};

  constructor(spec: LoadSpec) {
    this.#spec = spec;
    this.#nextKey = keyPickerOf(spec);
    this.#random = seededRandom(spec.seed + 1);
    this.#toSend = spec.mode === 'fill' ? spec.keyCount : Infinity;
  }

  /** Runs the whole load. Rejects when a connection fails or a reply cannot be understood. */
  async run(): Promise<LoadResult> {
    const failed = new Promise<never>((_resolve, reject) => {
      this.#fail = reject;
    });
    // This promise takes part in a race below; the handler keeps a late failure from being unhandled.
    failed.catch(() => {});
    try {
      return await Promise.race([this.#measure(), failed]);
    } finally {
      this.#stopped = true;
      this.#finishFill();
      for (const { socket } of this.#connections) socket.destroy();
      await this.#clock?.stop();
    }
  }

  async #measure(): Promise<LoadResult> {
    const spec = this.#spec;
    this.#connections = await Promise.all(
      Array.from({ length: spec.connections }, async (_, index) => this.#open(index)),
    );
    const filled = new Promise<void>((resolve) => {
      this.#finishFill = resolve;
    });
    let before = this.#mark();
    await this.#start();
    if (spec.mode === 'fill') await this.#untilFilled(filled);
    else {
      if (spec.warmupMs > 0) {
        await pause(spec.warmupMs);
        before = this.#mark();
      }
      await pause(spec.durationMs);
      if (spec.mode === 'open') await this.#untilAnswered();
      await this.#untilFirstReply();
    }
    return this.#result(before);
  }

  async #untilFilled(filled: Promise<void>): Promise<void> {
    let answered = -1;
    const watch = setInterval(() => {
      if (this.#answered === answered) this.#fail(new Error(`no reply in ${STALL_MS} ms`));
      answered = this.#answered;
    }, STALL_MS);
    try {
      await filled;
    } finally {
      clearInterval(watch);
    }
  }

  /** A pause at the end of an open loop counts in full: the generator waits for all requests that were due. */
  async #untilAnswered(): Promise<void> {
    this.#lastDueMs = performance.now();
    const deadline = this.#lastDueMs + STALL_MS;
    while (this.#connections.some(({ outstanding, isHeldUp }) => outstanding > 0 || isHeldUp)) {
      if (performance.now() > deadline) throw new Error(`no reply in ${STALL_MS} ms`);
      await pause(1);
    }
  }

  /** On a busy machine a very short load may be over before its first reply: the load then lasts until that reply. */
  async #untilFirstReply(): Promise<void> {
    const deadline = performance.now() + FIRST_REPLY_MS;
    while (this.#latency.count === 0) {
      if (performance.now() > deadline) throw new Error(`no reply in ${FIRST_REPLY_MS} ms`);
      await pause(1);
    }
  }

  /** Forgets the latencies so far, and notes the values of the counters. */
  #mark(): Marks {
    this.#latency.reset();
    this.#late.reset();
    return {
      cpu: processCpu(this.#spec.serverPid),
      ownCpu: process.cpuUsage(),
      misses: this.#sum('misses'),
      errors: this.#sum('errors'),
      at: performance.now(),
    };
  }

  #result(before: Marks): LoadResult {
    const seconds = (performance.now() - before.at) / 1000;
    const own = process.cpuUsage(before.ownCpu);
    const requests = this.#latency.count;
    const cpu = processCpu(this.#spec.serverPid);
    const perRequest = (us: number): number => (requests === 0 ? 0 : us / requests);
    return {
      ...this.#latency.summary(),
      requests,
      seconds,
      rps: requests / seconds,
      misses: this.#sum('misses') - before.misses,
      errors: this.#sum('errors') - before.errors,
      serverCpuUsPerRequest: perRequest(cpu.totalUs - before.cpu.totalUs),
      serverUserUsPerRequest: perRequest(cpu.userUs - before.cpu.userUs),
      generatorBusy: (own.user + own.system) / 1e6 / seconds,
      ...(this.#schedule === undefined
        ? {}
        : { lateMs: this.#late.quantileMs(0.99), latestMs: this.#late.quantileMs(1) }),
    };
  }

  #sum(counter: 'misses' | 'errors'): number {
    return this.#connections.reduce((sum, connection) => sum + connection.counter[counter], 0);
  }

  async #open(index: number): Promise<Connection> {
    const { protocol, port, valueBytes, keyPrefix, pipeline, mode } = this.#spec;
    const templates = templatesOf(protocol, valueBytes, keyPrefix);
    return new Promise((resolve, reject) => {
      const socket = connect({
        host: '127.0.0.1',
        port,
        noDelay: true,
        onread: {
          buffer: this.#receive,
          callback: (length, chunk) => {
            this.#receiveReplies(connection, index, chunk, length);
            return true;
          },
        },
      });
      const connection: Connection = {
        socket,
        composer: new BatchComposer(templates, mode === 'open' ? DUE_BATCH_MAX : pipeline),
        counter: replyCounter(protocol, valueBytes),
        outstanding: 0,
        batch: 0,
        since: 0,
        sent: 0,
        answered: 0,
        isHeldUp: false,
      };
      socket.on('error', (error) => {
        reject(error);
        this.#fail(error);
      });
      socket.on('close', () => {
        if (!this.#stopped) this.#fail(new Error('the server closed a connection'));
      });
      socket.once('connect', () => resolve(connection));
    });
  }

  async #start(): Promise<void> {
    const { mode, ratePerSecond, connections } = this.#spec;
    if (mode === 'open') {
      this.#clock = await Clock.start(ratePerSecond, () => this.#sendAllDue());
      this.#schedule = new Schedule(performance.now(), ratePerSecond, connections);
      return;
    }
    const now = performance.now();
    for (const connection of this.#connections) this.#send(connection, now);
  }

  #sendAllDue(): void {
    const schedule = this.#schedule;
    if (this.#stopped || schedule === undefined) return;
    const now = Math.min(performance.now(), this.#lastDueMs);
    for (const [index, connection] of this.#connections.entries()) {
      this.#sendDue(connection, index, schedule.dueCount(index, now), now);
    }
  }

  /** Sends the requests that are due on a connection, unless the server has not yet taken the earlier bytes. */
  #sendDue(connection: Connection, index: number, due: number, now: number): void {
    const { composer, socket } = connection;
    // The composer's memory belongs to the socket until the kernel has taken the bytes.
    if (due === connection.sent) return;
    if (socket.writableLength > 0) {
      connection.isHeldUp = true;
      return;
    }
    if (!connection.isHeldUp)
      this.#late.record(now - this.#schedule!.dueMs(index, connection.sent));
    connection.isHeldUp = false;
    while (connection.sent < due && socket.writableLength === 0) {
      const batch = Math.min(due - connection.sent, DUE_BATCH_MAX);
      composer.clear();
      for (let i = 0; i < batch; i++) composer.add(this.#nextKey(), this.#isRead());
      connection.sent += batch;
      connection.outstanding += batch;
      socket.write(composer.bytes());
    }
  }

  #isRead(): boolean {
    const { readRatio, mode } = this.#spec;
    return mode !== 'fill' && (readRatio === 1 || (readRatio > 0 && this.#random() < readRatio));
  }

  #send(connection: Connection, since: number): void {
    const batch = Math.min(this.#spec.pipeline, this.#toSend);
    if (batch === 0) return;
    this.#toSend -= batch;
    const { composer } = connection;
    composer.clear();
    for (let i = 0; i < batch; i++) composer.add(this.#nextKey(), this.#isRead());
    connection.outstanding = batch;
    connection.batch = batch;
    connection.since = since;
    connection.socket.write(composer.bytes());
  }

  #receiveReplies(connection: Connection, index: number, chunk: Uint8Array, length: number): void {
    if (this.#stopped) return;
    let ended: number;
    try {
      ended = connection.counter.feed(chunk, length);
      connection.outstanding -= ended;
      if (connection.outstanding < 0) throw new Error('more replies than requests');
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    const now = performance.now();
    if (this.#schedule !== undefined) {
      for (let i = 0; i < ended; i++) {
        this.#latency.record(now - this.#schedule.dueMs(index, connection.answered++));
      }
      return;
    }
    if (connection.outstanding > 0) return;
    this.#latency.record(now - connection.since, connection.batch);
    this.#answered += connection.batch;
    this.#send(connection, now);
    if (this.#spec.mode === 'fill' && this.#answered === this.#spec.keyCount) this.#finishFill();
  }
}

async function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
