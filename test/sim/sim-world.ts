// The simulated machine: one disk, one clock, one seed, and the processes that run on it one after the other. `boot()`
// starts a process; `kill()` ends it and keeps the page cache; `losePower()` ends it and keeps only what the disk has.

import type { File, LogFields, Logger, Worker } from '../../src/env/env.js';
import { FaultPlan, type OperationKind } from './fault-plan.js';
import type { CrashStyle } from './power-loss.js';
import { Scheduler, type Event } from './scheduler.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';
import { SimClock } from './sim-clock.js';
import { SimDisk } from './sim-disk.js';
import { SimFs } from './sim-fs.js';
import type { Boot, Observation, SimMachine, SimThread } from './sim-thread.js';
import { startSimWorker } from './sim-worker.js';

interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields;
}

/** Mean duration in ms of an operation that reaches the disk, and of one that does not. */
const DISK_MS = 0.3;
const CACHE_MS = 0.02;
const DISK_KINDS: ReadonlySet<OperationKind> = new Set(['sync', 'syncDir', 'write']);

export class SimWorld implements SimMachine {
  readonly random: SeededRandom;
  readonly scheduler = new Scheduler();
  readonly log: LogLine[] = [];
  readonly locks = new Map<string, Boot>();
  disk = new SimDisk();
  faults = new FaultPlan();
  /** The number of operations that started so far. */
  operations = 0;
  /** The number of temporary names given out. */
  uniqueNames = 0;
  wallOffsetMs = 0;
  /** Called at each instant at which a crash is worth trying. */
  observe: ((observation: Observation) => void) | undefined;
  #boot: Boot | undefined;

  constructor(seed: number, disk = new SimDisk()) {
    this.random = new SeededRandom(seed);
    this.disk = disk;
  }

  /** Starts a new process; the one before must be gone. */
  boot(): SimProcess {
    this.kill();
    const boot: Boot = { isAlive: true };
    this.#boot = boot;
    return new SimProcess(this, boot);
  }

  /** Ends the process as SIGKILL does: the cache stays, locks are freed, operations in flight get no answer. */
  kill(): void {
    if (this.#boot !== undefined) this.#boot.isAlive = false;
    this.#boot = undefined;
    this.locks.clear();
    for (const inode of this.disk.files().values()) inode.inFlight.clear();
    this.scheduler.stop();
  }

  /** Stops the machine; the style decides what the disk then holds. */
  losePower(style: CrashStyle): void {
    this.kill();
    this.disk = this.disk.afterPowerLoss(style);
  }

  /** Carries out a crash of a fault plan: the process stops here, and the caller then chooses what the disk keeps. */
  crash(): void {
    this.kill();
  }

  latencyMs(kind: OperationKind): number {
    const mean = DISK_KINDS.has(kind) ? DISK_MS : CACHE_MS;
    const slow = this.random.chance(0.01) ? 20 : 1;
    return mean * slow * 2 * this.random.fraction();
  }

  /** Returns how much of a write a short write does: less than all, at least a byte. */
  shortOf(bytes: number): number {
    return bytes <= 1 ? bytes : this.random.between(1, bytes - 1);
  }
}

/** One process, or one of its threads: the Env that the engine gets. */
export class SimProcess implements SimThread {
  readonly world: SimWorld;
  readonly boot: Boot;
  readonly fs: SimFs;
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly logger: Logger;
  /** The open files, for the check that nothing leaks. */
  readonly openFiles = new Set<File>();
  #isRunning = true;

  constructor(world: SimWorld, boot: Boot) {
    this.world = world;
    this.boot = boot;
    this.fs = new SimFs(this);
    this.clock = new SimClock(this);
    this.random = world.random.fork();
    const line =
      (level: keyof Logger): Logger[keyof Logger] =>
      (message, fields = {}) =>
        void (this.isAlive && world.log.push({ level, message, fields }));
    this.logger = {
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
    };
  }

  get isAlive(): boolean {
    return this.#isRunning && this.boot.isAlive;
  }

  /** Runs `call` later, if this thread is then alive. */
  later(delayMs: number, call: () => void): Event {
    if (!this.isAlive) return { cancel: () => {} };
    return this.world.scheduler.after(delayMs, () => {
      if (this.isAlive) call();
    });
  }

  startWorker(module: URL, input: unknown): Worker {
    return startSimWorker(this, module, input);
  }

  /** Makes a thread with files of its own: Node closes what a thread left open when it ends. */
  thread(): SimProcess {
    return new SimProcess(this.world, this.boot);
  }

  /** Ends this thread alone. */
  die(): void {
    this.#isRunning = false;
  }
}
