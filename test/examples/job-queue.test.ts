// examples/job-queue: no job that was acknowledged is lost, and none is done by two workers at the same time, while workers
// and the server are killed. The work of the test writes a line when it begins and when it ends.

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';

import { ExampleProcess } from '../support/example-process.js';
import { ExampleServer } from '../support/example-server.js';
import { run, type Finished } from '../support/programs.js';
import { WireClient } from '../../tools/torture/wire-client.js';

const EXAMPLE = join(import.meta.dirname, '../../../examples/job-queue');
const JOBS = 40;
/** Much longer than a job takes, also on a busy machine. */
const CLAIM_MS = 5000;

interface Job {
  readonly ticket: number;
  readonly state: string;
  readonly attempts: number;
  readonly result?: string;
}
interface Queue {
  put(body: string): Promise<number>;
  claim(): Promise<Job | undefined>;
  finish(job: Job, result: string): Promise<boolean>;
  look(ticket: number | string): Promise<Job | undefined>;
  close(): void;
}
interface QueueModule {
  readonly Queue: new (options: object) => Queue;
}

/** With HANGS its third job never ends. */
const WORK = `
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
let jobs = 0;
export async function work(body, { ticket, signal }) {
  const tell = (what) => appendFileSync(process.env.LOG, what + ' ' + ticket + ' ' + process.pid + '\\n');
  tell('begin');
  try {
    const hangs = ++jobs === 3 && process.env.HANGS === '1';
    console.log('at work on ' + jobs);
    await delay(hangs ? 1e6 : 20, undefined, { signal });
    return 'did ' + body;
  } finally {
    tell('end');
  }
}`;

/** Ticket → the processes that began it, in their order. Fails when a job was begun while another process was at it. */
function beginnings(log: string): Map<number, string[]> {
  const found = new Map<number, string[]>();
  const atWork = new Map<string, string>();
  for (const line of log.trim().split('\n')) {
    const [what = '', ticket = '', pid = ''] = line.split(' ');
    if (what === 'dead') {
      for (const [open, by] of atWork) if (by === pid) atWork.delete(open);
    } else if (what === 'end') {
      atWork.delete(ticket);
    } else {
      expect(atWork.get(ticket), `also at work on ${ticket}`).to.equal(undefined);
      atWork.set(ticket, pid);
      found.set(Number(ticket), [...(found.get(Number(ticket)) ?? []), pid]);
    }
  }
  return found;
}

/** Puts two jobs as a process of its own. */
function runPut(address: string): Promise<Finished> {
  const words = [`CAIRN=${address}`, process.execPath, join(EXAMPLE, 'put.mjs'), 'a', 'b'];
  return run('/usr/bin/env', words);
}

describe('examples/job-queue', () => {
  let server: ExampleServer;
  let queues: Queue[] = [];
  let module: QueueModule;

  before(async () => {
    module = (await import(pathToFileURL(join(EXAMPLE, 'queue.mjs')).href)) as QueueModule;
  });
  beforeEach(async () => {
    server = await ExampleServer.start();
  });
  afterEach(async () => {
    for (const queue of queues.splice(0)) queue.close();
    await server.stop();
  });

  function open(options: object = {}): Queue {
    const queue = new module.Queue({ server: server.address, ...options });
    queues.push(queue);
    return queue;
  }

  /** Claims until there is a job to have: another claim on it ends by time. */
  async function claimed(queue: Queue): Promise<Job> {
    for (;;) {
      const job = await queue.claim();
      if (job !== undefined) return job;
    }
  }

  it('gives a job to one of three workers that want it', async () => {
    const queue = open({ claimMs: 50 });
    const ticket = await queue.put('a');
    const claims = await Promise.all([queue.claim(), open().claim(), open().claim()]);
    const [first, ...others] = claims.filter((job) => job !== undefined);
    expect(others).to.deep.equal([]);
    expect(first).to.include({ ticket, attempts: 1 });
  });

  it('refuses the result of a worker whose claim has passed to another', async () => {
    const queue = open({ claimMs: 50 });
    const ticket = await queue.put('a');
    const late = await claimed(queue);
    const next = await claimed(open());
    expect(next).to.include({ ticket, attempts: 2 });
    expect(await queue.finish(late, 'late')).to.equal(false);
    expect(await queue.finish(next, 'right')).to.equal(true);
    expect(await queue.finish(late, 'late')).to.equal(false);
    expect(await queue.look(ticket)).to.include({ state: 'done', result: 'right' });
    expect(await queue.claim()).to.equal(undefined);
  });

  it('gives a job up after its last attempt, and goes on past a ticket without a job', async () => {
    const queue = open({ claimMs: 1, attemptsMax: 2 });
    const ticket = await queue.put('poison');
    await claimed(queue);
    await claimed(queue);
    const wire = await WireClient.connect(server.port);
    expect(await wire.line('incr jobs:tail 1\r\n')).to.equal(String(ticket + 1));
    wire.close();
    const last = await queue.put('sound');
    const job = await claimed(queue);
    expect(job.ticket).to.equal(last);
    expect((await queue.look(ticket))?.state).to.equal('failed');
    expect(await queue.finish(job, 'done')).to.equal(true);
    while (Number((await queue.look('head')) ?? 0) < last)
      expect(await queue.claim()).to.equal(undefined);
    expect((await queue.look(ticket + 1))?.state).to.equal('void');
  });

  it('put.mjs prints tickets, and says when a job may be lost @long', async () => {
    expect((await runPut(server.address)).stdout).to.equal('1: a\n2: b\n');
    await server.kill();
    const failed = await runPut(server.address);
    expect(failed.code).to.equal(75);
    expect(failed.stderr).to.match(/^It is not known whether .* ECONNREFUSED/);
    await server.restart();
    expect(await open().look(2)).to.include({ state: 'waiting' });
  });

  it('loses no job and has none done twice at a time, while workers and the server die @long', async () => {
    const log = join(server.folder, 'log');
    const work = join(server.folder, 'work.mjs');
    writeFileSync(work, WORK);
    writeFileSync(log, '');
    const start = (hangs = '0'): Promise<ExampleProcess> =>
      ExampleProcess.start('job-queue/worker.mjs', {
        CAIRN: server.address,
        CLAIM_MS: String(CLAIM_MS),
        WORK: work,
        LOG: log,
        HANGS: hangs,
      });
    const victim = await start('1');
    const others = [await start(), await start()];
    const queue = open();
    const tickets = new Map<number, string>();
    const fill = async (): Promise<void> => {
      for (let i = 0; i < JOBS; i++) {
        const ticket = await queue.put(`job ${i}`).catch(() => undefined);
        if (ticket !== undefined) tickets.set(ticket, `did job ${i}`);
        else await back;
      }
    };
    let back: Promise<void> | undefined;
    const filling = fill();

    await others[0]!.says(/at work on 3$/m);
    back = server.kill().then(() => server.restart());
    await back;
    await victim.says(/at work on 3$/m);
    await victim.kill();
    appendFileSync(log, `dead 0 ${victim.pid}\n`);
    await filling;

    for (const [ticket, result] of tickets) {
      while ((await queue.look(ticket))?.state !== 'done') await delay(50);
      expect(await queue.look(ticket)).to.include({ result });
    }
    for (const worker of others) expect(await worker.kill('SIGTERM')).to.equal(0);
    const begun = beginnings(readFileSync(log, 'utf8'));
    expect(tickets.size).to.be.above(JOBS / 2);
    expect([...tickets.keys()].filter((ticket) => !begun.has(ticket))).to.deep.equal([]);
    const again = [...begun.values()].filter((pids) => pids.length > 1);
    expect(again.map(([pid]) => pid)).to.include(String(victim.pid));
  });
});
