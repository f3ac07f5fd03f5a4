// The life of one machine: boots, workload, faults, and an end of each process (orderly, kill, power loss). Each boot
// checks that nothing was lost and nothing invented.

import type * as S from '../../src/store/store.js';
import { Client } from './client.js';
import { checkCounters } from './counters-check.js';
import { DIR, openEngine, readAll, type EngineOptions } from './engine.js';
import { FaultPlan, type Fault } from './fault-plan.js';
import { History, Violation, matchingPrefixes } from './history.js';
import type { CrashStyle } from './power-loss.js';
import type { BrokenWorld } from './broken-worlds.js';
import { checkRecovery, unwrap } from './recovery-check.js';
import { SimWorld, type SimProcess } from './sim-world.js';
import type { Command } from './workload.js';

/** One boot until its end. `end` counts when no fault ended the boot before. */
export interface Stage {
  readonly commands: readonly Command[];
  readonly faults: readonly Fault[];
  readonly end: 'close' | 'kill' | CrashStyle;
  /** The size of the disk; when it is missing, everything fits. */
  readonly capacityBytes?: number;
  /** The wall time jumps by this much before the boot. */
  readonly wallJumpMs?: number;
}

export interface Life {
  readonly seed: number;
  readonly engine: EngineOptions;
  readonly stages: readonly Stage[];
  readonly mayVanish: boolean;
}

interface Lived {
  boots: number;
  /** The number of faults that took effect. */
  faults: number;
  operations: number;
  commands: number;
}

/** Runs a life. Throws a Violation when the engine broke a promise. */
export async function live(life: Life, bug: BrokenWorld = {}): Promise<Lived> {
  const machine = new Machine(life, bug);
  for (const stage of life.stages) await machine.run(stage);
  await machine.finish();
  return machine.lived;
}

/** Once the disk has room again, writes resume within this many seconds. */
const RESUME_TRIES = 10;

class Machine {
  readonly lived: Lived = { boots: 0, faults: 0, operations: 0, commands: 0 };
  readonly #life: Life;
  readonly #bug: BrokenWorld;
  readonly #world: SimWorld;
  readonly #history = new History();
  readonly #numbers = { next: 1 };
  /** Clients have got answers for everything up to this seq. */
  #minSeq = 0;
  #nowMs = 0;

  constructor(life: Life, bug: BrokenWorld) {
    this.#life = life;
    this.#bug = bug;
    this.#world = new SimWorld(life.seed);
    this.#world.disk.makeDir(DIR);
  }

  async run(stage: Stage): Promise<void> {
    const world = this.#world;
    const process = world.boot();
    this.lived.boots++;
    world.wallOffsetMs += stage.wallJumpMs ?? 0;
    world.disk.capacityBytes = stage.capacityBytes ?? Infinity;
    world.faults = new FaultPlan(stage.faults);
    const mayFail = stage.faults.length > 0 || stage.capacityBytes !== undefined;
    const store = await this.#open(process, mayFail);
    if (store !== undefined) await this.#use(process, store, stage, mayFail);
    this.lived.faults += world.faults.fired;
    world.faults = new FaultPlan();
    if (typeof stage.end === 'object') world.losePower(stage.end);
    else world.kill();
  }

  /** Runs the last boot, which has no faults: everything must be there, twice, and the store must serve. */
  async finish(): Promise<void> {
    const { engine, seed, mayVanish } = this.#life;
    this.#world.disk.capacityBytes = Infinity;
    const bounds = {
      history: this.#history,
      minSeq: this.#minSeq,
      maxSeq: Infinity,
      nowMs: Math.max(this.#nowMs, this.#world.boot().clock.wallMs()),
      mayVanish,
    };
    this.#world.kill();
    await checkRecovery(this.#world.disk, bounds, {
      engine,
      seed: seed + 1,
      twice: true,
      counters: true,
    });
    this.lived.boots += 2;
    this.lived.operations += this.#world.operations;
  }

  /** Opens the store and checks it; returns undefined when a fault kept it from opening. */
  async #open(process: SimProcess, mayFail: boolean): Promise<S.LocalStore | undefined> {
    const world = this.#world;
    const { mayVanish } = this.#life;
    const opened = await world.scheduler.settle(openEngine(process, this.#life.engine, this.#bug));
    if (opened.kind !== 'value') {
      if (opened.kind === 'stopped' && mayFail) return undefined;
      if (opened.kind === 'error' && (world.faults.fired > 0 || mayFail)) return undefined;
      return unwrap(opened, 'start');
    }
    const store = opened.value;
    const damaged = mayFail ? (): void => {} : undefined;
    const fromMs = store.nowMs();
    const read = await world.scheduler.settle(readAll(store, damaged));
    if (read.kind !== 'value') {
      if (mayFail && read.kind !== 'stuck' && read.kind !== 'fatal') return undefined;
      return unwrap(read, 'read');
    }
    if (world.faults.fired > 0 && mayFail) return this.#trustless(store);
    const range = { minSeq: this.#minSeq, maxSeq: Infinity };
    const time = { fromMs, toMs: store.nowMs() };
    const matching = matchingPrefixes(this.#history, read.value, time, range, mayVanish);
    // After a restart the engine gives out again the seqs that a full disk took back.
    const seq =
      matching.findLast((each) => each <= store.durability.lastSeq) ?? store.durability.lastSeq;
    this.#minSeq = seq;
    this.#history.forgetAfter(seq);
    return store;
  }

  /** Ends the faults: the store serves again by itself (O7), and its counters are right (O5, O8). */
  async #recover(client: Client, mayFail: boolean): Promise<void> {
    const world = this.#world;
    const { store } = client;
    this.lived.faults += world.faults.fired;
    world.faults = new FaultPlan();
    world.disk.capacityBytes = Infinity;
    if (!mayFail) return checkCounters(world, store);
    const before = store.durability.watermark;
    const again: Command = { do: 'set', key: 'again', bytes: 5, flags: 0, ttlMs: 0 };
    for (let tries = 0; tries < RESUME_TRIES; tries++) {
      unwrap(await world.scheduler.settle(client.run([again, { do: 'durable' }])), 'first write');
      if (client.isPoisoned) return;
      const lookup = await world.scheduler.settle(store.get(Buffer.from('again')));
      if (store.durability.watermark > before && unwrap(lookup, 'get').kind === 'hit') return;
      unwrap(await world.scheduler.advance(1000), 'pause');
    }
    throw new Violation(`No write is taken ${RESUME_TRIES} s after the faults have ended`);
  }

  /** A failed read says nothing about the content of the store, so the run goes on at the next boot. */
  #trustless(_store: S.LocalStore): undefined {
    return undefined;
  }

  async #use(
    process: SimProcess,
    store: S.LocalStore,
    stage: Stage,
    mayFail: boolean,
  ): Promise<void> {
    const world = this.#world;
    const { mayVanish } = this.#life;
    const client = new Client(process, store, this.#history, this.#numbers, {
      mayFail,
      mayVanish,
    });
    const ran = await world.scheduler.settle(client.run(stage.commands));
    this.lived.commands += stage.commands.length;
    if (ran.kind !== 'stopped' || !mayFail) unwrap(ran, 'workload');
    if (ran.kind === 'value' && !client.isPoisoned) await this.#recover(client, mayFail);
    if (ran.kind === 'value' && stage.end === 'close' && !client.isPoisoned) {
      const closed = await world.scheduler.settle(store.close());
      if (!mayFail) unwrap(closed, 'close');
      else if (closed.kind === 'stuck' || closed.kind === 'fatal') unwrap(closed, 'close');
      else if (closed.kind === 'value' && process.openFiles.size > 0 && world.faults.fired === 0) {
        const paths = [...process.openFiles].map(({ path }) => path).join(', ');
        throw new Violation(`Open after close(): ${paths}`);
      }
    }
    // The watermark moves past seqs that were taken back; the next boot gives these out again.
    const durable = this.#history.seqsBetween(this.#minSeq, store.durability.watermark).at(-1);
    this.#minSeq = durable ?? this.#minSeq;
    this.#nowMs = Math.max(this.#nowMs, process.clock.wallMs());
  }
}
