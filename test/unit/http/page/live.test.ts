// Live: the events, the sampling, which stops while nobody watches, and the results of jobs.

import { expect } from 'chai';

import { readConfig } from '../../../../src/config/config.js';
import type { Clock } from '../../../../src/env/env.js';
import { nodeEnv } from '../../../../src/env/node-env.js';
import { KvError } from '../../../../src/errors.js';
import { HttpListener } from '../../../../src/http/listener.js';
import type { LiveEvent } from '../../../../src/http/page/wire.js';
import type { CompactionReport } from '../../../../src/store/store.js';
import { eventsOf, postJson } from '../../../support/http-client.js';
import { MemoryStore } from '../../../support/memory-store.js';
import { QuietLogger } from '../../../support/quiet-logger.js';

const SAMPLE_MS = 1000;
const REPORT = { segmentsBefore: 3, segmentsAfter: 1, bytesBefore: 9, bytesAfter: 4, liveBytes: 3 };

async function next(events: AsyncGenerator): Promise<LiveEvent> {
  return (await events.next()).value as LiveEvent;
}

describe('Live', () => {
  let listener: HttpListener;
  let url: string;
  let stats: [string, number][];
  let compacting: { resolve(report: CompactionReport): void; reject(error: Error): void };
  /** The timers of samples that are set. */
  let timers: { readonly call: () => void }[];

  const setTimer: Clock['setTimer'] = (delayMs, call) => {
    const timer = { call };
    if (delayMs === SAMPLE_MS) timers.push(timer);
    return { cancel: () => (timers = timers.filter((each) => each !== timer)) };
  };

  beforeEach(async () => {
    timers = [];
    stats = [['kv_version', 1]];
    const config = readConfig(['--http', '-1'], {}, '0.0.0');
    if ('code' in config) throw new Error(config.stderr);
    const env = nodeEnv(new QuietLogger());
    listener = await HttpListener.listen({ ...env, clock: { ...env.clock, setTimer } }, config);
    url = listener.addresses[0] ?? '';
    const store = new MemoryStore();
    store.compact = () => new Promise((resolve, reject) => (compacting = { resolve, reject }));
    listener.serves(store, { statLines: () => stats, describeConnections: () => [].values() });
  });
  afterEach(() => listener.close());

  const sample = (): void => timers.shift()?.call();

  it('sends a greeting, the log, then each second, and the log again only when it has changed', async () => {
    const events = eventsOf(`${url}/page/live`);
    const hello = await next(events);
    if (hello.kind !== 'hello') throw new Error('It greets first');
    expect(hello.hello).to.include({ version: '1', pid: process.pid, mayWrite: false });
    expect(hello.hello.samples).to.deep.equal([]);
    expect((await next(events)).kind).to.equal('log');
    stats = [
      ['get_hits', 3],
      ['get_misses', 1],
      ['curr_items', 5],
    ];
    listener.metrics.latencies.observe(0, 2, 4);
    sample();
    const first = await next(events);
    if (first.kind !== 'sample') throw new Error('A sample comes each second');
    expect(first.sample).to.include({ hitShare: 0.75, items: 5 });
    expect(first.sample.commands.map(({ command }) => command)).to.deep.equal(['all', 'get']);
    expect(first.sample.troubles).to.deep.equal([]);
    listener.drain();
    sample();
    const second = await next(events);
    expect(second.kind === 'sample' && second.sample.troubles).to.deep.equal([
      'the server is shutting down',
    ]);
    await events.return(undefined);
  });

  it('samples while a client watches, and gives the samples to a client that comes later', async () => {
    expect(timers).to.deep.equal([]);
    const events = eventsOf(`${url}/page/live`);
    await next(events);
    expect(timers).to.have.length(1);
    sample();
    await next(events);
    await events.return(undefined);
    while (timers.length > 0) await new Promise(setImmediate);
    const again = eventsOf(`${url}/page/live`);
    const hello = await next(again);
    expect(hello.kind === 'hello' && hello.hello.samples).to.have.length(1);
    await again.return(undefined);
  });

  it('starts a job once, and sends its progress and end to every client', async () => {
    const events = eventsOf(`${url}/page/live`);
    await next(events);
    await next(events);
    const jobNow = async (): Promise<unknown> => {
      sample();
      await next(events);
      const event = await next(events);
      return event.kind === 'log' ? event.log.jobs[0] : event;
    };
    const start = async (): Promise<number> => (await postJson(`${url}/page/compact`, {})).status;
    expect(await start()).to.equal(200);
    expect(await start()).to.equal(409);
    expect(await jobNow()).to.include({ name: 'compaction', state: 'running' });
    compacting.resolve(REPORT);
    await new Promise(setImmediate);
    expect(await jobNow()).to.deep.include({ state: 'done', outcome: { compaction: REPORT } });
    expect(await start()).to.equal(200);
    compacting.reject(new KvError('KV_IO', 'It broke'));
    await new Promise(setImmediate);
    expect(await jobNow()).to.deep.include({ state: 'failed', error: 'It broke' });
    await events.return(undefined);
  });

  it('ends all streams with the listener', async () => {
    const events = eventsOf(`${url}/page/live`);
    await next(events);
    await next(events);
    listener.close();
    const end = await events.next().then(
      ({ done }) => done,
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect(end).to.equal('ECONNRESET');
    while (timers.length > 0) await new Promise(setImmediate);
  });
});
