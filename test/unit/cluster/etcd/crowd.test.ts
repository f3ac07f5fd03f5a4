// EtcdStore under a crowd: callers of several servers over one etcd whose answers get lost, with the upkeep at full speed. Seeded.

import { expect } from 'chai';

import { EtcdClient, type EtcdCalls } from '../../../../src/cluster/etcd/client.js';
import { onlyEtcd } from '../../../../src/cluster/etcd/failure.js';
import { Places } from '../../../../src/cluster/etcd/places.js';
import { EtcdStore } from '../../../../src/cluster/etcd/store.js';
import { nodeEnv } from '../../../../src/env/node-env.js';
import { MIB } from '../../../../src/limits.js';
import type * as S from '../../../../src/store/store.js';
import { SeededRandom } from '../../../../tools/torture/seeded-random.js';
import { startEtcd, type EtcdCluster } from '../../../support/etcd-cluster.js';
import { LossyEtcd } from '../../../support/lossy-etcd.js';
import { OwnKeys, UnknownFlush, type GlobalFlush } from '../../../support/own-keys.js';
import { requireProgram } from '../../../support/programs.js';
import { QuietLogger } from '../../../support/quiet-logger.js';
import { seeded } from '../../../support/seed.js';
import { SharedKeys } from '../../../support/shared-keys.js';

const env = nodeEnv(new QuietLogger());
const CALLERS = 6;
const STEPS = 15;
const RUNS = 1;
const STAYING = 30;
const QUOTA_BYTES = 16 * MIB;

/** What happens beside the calls. */
interface Trouble {
  /** The share of answers that get lost, from 0 to 1. */
  readonly lost: number;
  readonly flushes: boolean;
  /** Time that revisions are kept, and that a slot stays unused. */
  readonly historyMs: number;
  readonly slotMs: number;
  readonly closes: boolean;
  /** The quota of etcd is used up again and again. */
  readonly fills: boolean;
}

const NONE: Trouble = {
  lost: 0.15,
  flushes: false,
  historyMs: 1e9,
  slotMs: 1e9,
  closes: false,
  fills: false,
};

class Crowd {
  readonly #calls: EtcdCalls;
  readonly #prefix: string;
  readonly #random: SeededRandom;
  readonly #trouble: Trouble;
  readonly #flushes: GlobalFlush[] = [];
  readonly #stores: EtcdStore[] = [];
  readonly #shared = new SharedKeys();
  #names = 0;
  #isOver = false;
  /** Number of times that the quota was used up. */
  fills = 0;

  constructor(calls: EtcdCalls, prefix: string, random: SeededRandom, trouble: Trouble) {
    this.#calls = { ...calls, close: () => undefined };
    this.#prefix = prefix;
    this.#random = random;
    this.#trouble = trouble;
    for (let at = 0; at < 3; at += 1) this.#stores.push(this.#open());
  }

  async run(): Promise<void> {
    if (!this.#trouble.flushes) {
      await this.#shared.begin(this.#stores[0]!);
      for (let at = 0; at < STAYING; at += 1) await this.#setStaying(at);
    }
    const others = [this.#list(), this.#flush(), this.#close(), this.#fill()];
    try {
      await Promise.all(Array.from({ length: CALLERS }, (_, at) => this.#call(`own${at}`)));
    } finally {
      this.#isOver = true;
      await Promise.allSettled(others);
    }
    await Promise.all(others);
    if (!this.#trouble.flushes) await this.#shared.judge(this.#stores[0]!);
  }

  async close(): Promise<void> {
    for (const store of this.#stores) await store.close();
  }

  #open(): EtcdStore {
    const { historyMs, slotMs } = this.#trouble;
    const pace = { tickMs: 20, pageMs: 1, sweepMs: 30, graceMs: 0, historyMs, slotMs };
    const server = `server${(this.#names += 1)}`;
    const parts = { env, places: new Places(this.#prefix), valueBytesMax: MIB, pace };
    return new EtcdStore({ ...parts, client: this.#calls, server });
  }

  async #setStaying(at: number): Promise<void> {
    const put = { key: Buffer.from(`stay${at}`), value: Buffer.from('x'), flags: 0, expiresAt: 0 };
    while ((await this.#stores[0]!.put({ mode: 'set', ...put })).status !== 'stored') continue;
  }

  async #call(name: string): Promise<void> {
    const random = this.#random.fork();
    let lives = 0;
    const born = (): OwnKeys =>
      new OwnKeys(`${name}.${(lives += 1)}`, random, this.#stores, this.#flushes);
    let own = born();
    for (let step = 0; step < STEPS; step += 1) {
      try {
        await own.step();
      } catch (error) {
        if (!(error instanceof UnknownFlush)) throw error;
        own = born();
      }
      if (this.#trouble.flushes || random.chance(0.7)) continue;
      await this.#shared.step(random.pick(this.#stores), name, random);
    }
  }

  /** Lists all keys again and again: keys that stay are listed once each time. */
  async #list(): Promise<void> {
    if (this.#trouble.flushes) return;
    const random = this.#random.fork();
    while (!this.#isOver) {
      const store = random.pick(this.#stores);
      const seen: string[] = [];
      let cursor = 0;
      do {
        const page = await store.list(cursor, random.between(1, 20)).catch(() => undefined);
        if (page === undefined) break;
        seen.push(...page.entries.map(({ key }) => key.toString()));
        cursor = page.cursor;
      } while (cursor !== 0 && this.#stores.includes(store));
      const staying = seen.filter((key) => key.startsWith('stay'));
      expect(new Set(staying).size).to.equal(staying.length);
      expect(new Set(seen).size, 'listed twice').to.equal(seen.length);
      if (cursor === 0 && this.#stores.includes(store)) expect(staying.length).to.equal(STAYING);
    }
  }

  async #flush(): Promise<void> {
    const random = this.#random.fork();
    while (this.#trouble.flushes && !this.#isOver) {
      await this.#calls.pause(random.between(1, 80));
      const store = random.pick(this.#stores);
      const flush = { fromMs: store.nowMs(), toMs: Infinity };
      this.#flushes.push(flush);
      const { status } = await store.flush(0);
      if (status === 'ok') flush.toMs = store.nowMs();
      else if (status !== 'unknown') this.#flushes.splice(this.#flushes.indexOf(flush), 1);
    }
  }

  /** Closes a server with requests under way, and puts a new one in its place. */
  async #close(): Promise<void> {
    const random = this.#random.fork();
    while (this.#trouble.closes && !this.#isOver) {
      await this.#calls.pause(random.between(20, 200));
      const at = random.below(this.#stores.length);
      const old = this.#stores[at]!;
      const closing = old.close();
      if (random.chance(0.5)) await closing;
      this.#stores[at] = this.#open();
      await closing;
    }
  }

  /** Uses up the quota, waits for some refused calls, and gives the room back, as an operator does. */
  async #fill(): Promise<void> {
    const random = this.#random.fork();
    const value = Buffer.alloc(200_000, 'x');
    while (this.#trouble.fills && !this.#isOver) {
      const store = random.pick(this.#stores);
      for (
        let at = 0, status: S.Status = 'stored';
        status !== 'no-space' && !this.#isOver;
        at += 1
      ) {
        const put = { key: Buffer.from(`fill${at % 40}`), value, flags: 0, expiresAt: 0 };
        ({ status } = await store.put({ mode: 'set', ...put }));
      }
      await this.#calls.pause(random.between(1, 150));
      await makeRoom(this.#calls, store);
      this.fills += 1;
    }
  }
}

/** Removes the fillers, and has etcd forget them and take puts again. */
async function makeRoom(calls: EtcdCalls, store: S.Store): Promise<void> {
  for (let at = 0; at < 40; at += 1) await store.delete({ key: Buffer.from(`fill${at}`) });
  const { header } = await calls.range({ key: Buffer.from('none') }, 2000);
  await calls.compact(header!.revision, 2000).catch(onlyEtcd);
  for (const [path, body] of [
    ['defragment', {}],
    ['alarm', { action: 'DEACTIVATE', alarm: 'NOSPACE' }],
  ] as const) {
    const url = `http://${calls.used}/v3/maintenance/${path}`;
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    expect(answer.status, path).to.equal(200);
  }
}

describe('EtcdStore under a crowd @long', () => {
  let cluster: EtcdCluster | undefined;
  let prefixes = 0;

  before(async function () {
    const program = requireProgram(this, 'etcd', 'etcd-server');
    cluster = await startEtcd(program, 1, [`--quota-backend-bytes=${QUOTA_BYTES}`]);
  });
  after(() => cluster?.stop());

  async function runOf(seed: number, trouble: Trouble): Promise<void> {
    const random = new SeededRandom(seed);
    const prefix = `crowd${(prefixes += 1)}/`;
    const client = await EtcdClient.load(env, { hosts: cluster?.hosts ?? [], prefix });
    const chance = (): number => random.fraction();
    const lossy = new LossyEtcd(client, { lost: trouble.lost, chance });
    const crowd = new Crowd(lossy.calls, prefix, random.fork(), trouble);
    try {
      await crowd.run();
    } finally {
      await crowd.close();
      await lossy.settled();
      client.close();
    }
    expect(lossy.lost).to.be.above(5);
    expect(crowd.fills > 0).to.equal(trouble.fills);
  }

  for (const [what, trouble] of Object.entries<Partial<Trouble>>({
    'lost answers': {},
    'lost answers and flushes': { flushes: true },
    'a short history and slots that are removed': { historyMs: 20, slotMs: 1 },
    'servers that are closed': { closes: true },
    'all of it': { flushes: true, historyMs: 20, slotMs: 1, closes: true, fills: true },
  })) {
    it(`every answer is that of one store, with ${what}`, async () => {
      const { seed, numRuns } = seeded(what, RUNS);
      for (let run = 0; run < numRuns; run += 1) await runOf(seed + run, { ...NONE, ...trouble });
    });
  }
});
