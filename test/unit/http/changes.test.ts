// GET /changes: the lines of both forms, the refusals, and the waiting of the feed and of its client.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';

import { expect } from 'chai';

import { readConfig } from '../../../src/config/config.js';
import type { Clock } from '../../../src/env/env.js';
import { nodeEnv } from '../../../src/env/node-env.js';
import { HttpListener } from '../../../src/http/listener.js';
import type { Change, ChangeFeed } from '../../../src/store/change-log.js';
import type { LargeValue } from '../../../src/store/store.js';
import { openStore } from '../../../src/store/open-store.js';
import type { DurableStore } from '../../../src/store/durable-store.js';
import { KvError } from '../../../src/errors.js';
import { MIB } from '../../../src/limits.js';
import { durable, put } from '../../support/data-directory.js';
import { MemoryStore } from '../../support/memory-store.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { temporaryFolder } from '../../support/servers.js';
import { removeFolder } from '../../support/remove-folder.js';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** A feed that gives the same change for ever, as fast as its reader takes it. */
class EndlessFeed implements ChangeFeed {
  count = 0;
  isEnded = false;
  readonly #change: Change;
  closed = 0;

  constructor(change: Partial<Change> = {}) {
    const none = { flags: 0, expiresAt: 0, cas: 1n, reason: undefined };
    const value = Buffer.alloc(1000, 'v');
    const put = { type: 'put', seq: 1, timeMs: 1, key: Buffer.from('k') } as const;
    this.#change = { ...put, ...none, valueBytes: 1000, value, ...change };
  }

  get position(): number {
    return this.count;
  }

  next(): Change {
    this.count += 1;
    return this.#change;
  }

  async more(): Promise<void> {}

  async close(): Promise<void> {
    this.closed += 1;
  }
}

const SERVER = { statLines: () => [], describeConnections: () => [].values() };

describe('GET /changes', () => {
  let dir: string;
  let store: DurableStore | undefined;
  let listener: HttpListener;
  let url: string;
  let timers: { readonly delayMs: number; readonly call: () => void; isSet: boolean }[];

  const setTimer: Clock['setTimer'] = (delayMs, call) => {
    const timer = { delayMs, call, isSet: true };
    timers.push(timer);
    return { cancel: () => (timer.isSet = false) };
  };

  async function listen(...argv: string[]): Promise<void> {
    const config = readConfig(['--http', '-1', ...argv], {}, '0.0.0');
    if ('code' in config) throw new Error(config.stderr);
    const env = nodeEnv(new QuietLogger());
    listener = await HttpListener.listen({ ...env, clock: { ...env.clock, setTimer } }, config);
    url = listener.addresses[0] ?? '';
  }

  async function open(options: object = {}): Promise<DurableStore> {
    store = await openStore(nodeEnv(new QuietLogger()), join(dir, 'data'), {
      snapshot: 'never',
      ...options,
    });
    listener.serves(store, SERVER);
    return store;
  }

  function serveFeed(feed: ChangeFeed): void {
    const changeLog = { follow: () => Promise.resolve(feed) };
    listener.serves(Object.assign(new MemoryStore(), { changeLog }), SERVER);
  }

  function begin(
    query: string,
    headers: http.OutgoingHttpHeaders = {},
  ): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = http.get(`${url}/changes${query}`, { agent: false, headers }, resolve);
      request.on('error', reject);
    });
  }

  async function ask(query: string, headers: http.OutgoingHttpHeaders = {}): Promise<Answer> {
    const response = await begin(query, headers);
    let body = '';
    for await (const text of response.setEncoding('utf8')) body += text as string;
    const type = response.headers['content-type'] ?? '';
    return { status: response.statusCode ?? 0, type, body };
  }

  beforeEach(async () => {
    dir = temporaryFolder();
    timers = [];
    await listen();
  });
  afterEach(async () => {
    listener.close();
    await store?.close();
    store = undefined;
    removeFolder(dir);
  });

  it('uses the names and encodings of the dump, between a first and a last line with a seq', async () => {
    const s = await open();
    await put(s, 'grüße\u0007', 'wörld');
    await s.put({
      mode: 'set',
      key: Buffer.from([0xff, 0x20]),
      value: Buffer.from([0, 0xff]),
      flags: 3,
      expiresAt: s.nowMs() + 60_000,
      chosenCas: 2n ** 63n,
    });
    s.touch(Buffer.from('grüße\u0007'), 0);
    await s.delete({ key: Buffer.from('grüße\u0007') });
    s.deletePrefix(Buffer.from('a'));
    s.flush(0);
    await durable(s);
    const { status, type, body } = await ask('?after=0&values=1&wait=0');
    expect([status, type]).to.deep.equal([200, 'application/x-ndjson; charset=utf-8']);
    const lines = linesOf(body);
    expect(body).to.match(/\\u0007/);
    for (const line of lines.slice(1, -1)) {
      expect(line['time']).to.be.within(1, s.nowMs());
      delete line['time'];
    }
    const expiresAt = lines[2]?.['expiresAt'];
    expect(expiresAt).to.be.within(s.nowMs(), s.nowMs() + 60_000);
    const key = 'grüße\u0007';
    expect(lines).to.deep.equal([
      { type: 'heartbeat', seq: 0 },
      {
        type: 'put',
        seq: 1,
        key,
        flags: 0,
        expiresAt: null,
        cas: 1,
        bytes: 6,
        encoding: 'utf8',
        value: 'wörld',
      },
      {
        type: 'put',
        seq: 2,
        key: '/yA=',
        keyEncoding: 'base64',
        flags: 3,
        expiresAt,
        cas: String(2n ** 63n),
        bytes: 2,
        encoding: 'base64',
        value: 'AP8=',
      },
      { type: 'touch', seq: 3, key, expiresAt: null },
      { type: 'delete', seq: 4, key, reason: 'deleted' },
      { type: 'delete_prefix', seq: 5, key: 'a' },
      { type: 'flush', seq: 6, at: null },
      { type: 'end', seq: 6 },
    ]);
    const plain = linesOf((await ask('?after=1&wait=0&key=%2FyA%3D&keyEncoding=base64')).body);
    expect(plain.map((line) => [line['type'], line['seq'], line['value']])).to.deep.equal([
      ['heartbeat', 1, undefined],
      ['put', 2, undefined],
      ['flush', 6, undefined],
      ['end', 6, undefined],
    ]);
  });

  it('takes a question mark as a part of the prefix', async () => {
    const s = await open();
    await put(s, 'what', 'x');
    await put(s, 'what?', 'x');
    const lines = linesOf((await ask('?after=0&wait=0&prefix=what?')).body);
    expect(lines.flatMap(({ key = [] }) => key)).to.deep.equal(['what?']);
  });

  it('gives each event its seq as id, and a client that comes back goes on after its last id', async () => {
    const s = await open();
    for (const key of ['a', 'b', 'c']) await put(s, key, 'x');
    const headers = { accept: 'text/event-stream' };
    const first = await ask('?after=0&wait=0', headers);
    expect(first.type).to.equal('text/event-stream; charset=utf-8');
    const ids = first.body
      .split('\n\n')
      .flatMap((event) => /^id: (\d+)\ndata: \{.*\}$/.exec(event)?.[1] ?? []);
    expect(ids).to.deep.equal(['0', '1', '2', '3', '3']);
    const again = await ask('?after=0&wait=0', { ...headers, 'last-event-id': '2' });
    expect(again.body).to.match(
      /^id: 2\ndata: .*heartbeat.*\n\nid: 3\ndata: \{"type":"put","seq":3,/,
    );
  });

  it('sends a large value in pieces, and says when it is gone', async () => {
    const s = await open();
    const value = Buffer.alloc(MIB + 100, 'large value ');
    const writer = await s.openLargeValue();
    await writer.write(value);
    const handle = await writer.finish();
    await s.put({ mode: 'set', key: Buffer.from('big'), value: handle, flags: 0, expiresAt: 0 });
    await durable(s);
    const [, large] = linesOf((await ask('?after=0&values=1&wait=0')).body);
    expect(large?.['bytes']).to.equal(value.length);
    expect(Buffer.from(String(large?.['value']), 'base64').equals(value)).to.equal(true);
    await s.delete({ key: Buffer.from('big') });
    await durable(s);
    let gone: Record<string, unknown> | undefined;
    do gone = linesOf((await ask('?after=0&values=1&wait=0')).body)[1];
    while (gone?.['gone'] === undefined);
    expect(gone).to.include({ type: 'put', gone: true, bytes: value.length });
    expect(gone).not.to.have.property('value');
  });

  it('refuses unknown words and changes that are not kept, as JSON', async () => {
    expect((await ask('')).status).to.equal(503);
    const s = await open({ segmentBytesMax: 8192 });
    for (let at = 0; at < 40; at += 1) await put(s, `k${at % 3}`, 'x'.repeat(700));
    const words = ['?aftr=1', '?after=-1', '?after=x', '?keyEncoding=hex', '?after=41'];
    // Bad base64 would name another key; a plus sign that is not encoded is a space.
    const keys = ['!!', 'YQ', '+/8='].map((key) => `?key=${key}&keyEncoding=base64`);
    for (const query of [...words, ...keys, '?wait=false', '?values=no', '?values=']) {
      const { status, body } = await ask(query);
      expect(status, query).to.equal(400);
      expect(JSON.parse(body), query).to.include({ error: 'KV_BAD_OPTION' });
    }
    await s.compact({ everything: true });
    const { status, type, body } = await ask('?after=3');
    expect([status, type]).to.deep.equal([410, 'application/json; charset=utf-8']);
    expect(JSON.parse(body)).to.include({ error: 'KV_TOO_OLD', oldest: 40 });
    expect(body).to.contain('start again from a dump');
    const lines = linesOf((await ask('?after=oldest&wait=0')).body);
    expect(lines).to.deep.equal([
      { type: 'heartbeat', seq: 40 },
      { type: 'end', seq: 40 },
    ]);
    listener.serves(new MemoryStore(), SERVER);
    expect((await ask('')).status).to.equal(501);
  });

  it('wants the token on loopback too when clients have to log in, and /readyz does not', async () => {
    listener.close();
    const [users, token] = ['users', 'token'].map((name) => join(dir, name));
    writeFileSync(users!, 'alice:secret\n');
    writeFileSync(token!, '0123456789abcdef\n');
    await listen('-Y', users!, '--http-token-file', token!);
    await open();
    expect((await ask('?wait=0')).status).to.equal(401);
    const authorization = 'Bearer 0123456789abcdef';
    expect((await ask('?wait=0', { authorization })).status).to.equal(200);
    const [health] = (await once(http.get(`${url}/readyz`, { agent: false }), 'response')) as [
      http.IncomingMessage,
    ];
    health.resume();
    expect(health.statusCode).to.equal(200);
  });

  it('waits for changes, and sends a heartbeat while none comes', async () => {
    const s = await open();
    await put(s, 'before', 'x');
    const response = (await begin('')).setEncoding('utf8');
    const next = async (): Promise<string> => String((await once(response, 'data'))[0]);
    expect(await next()).to.equal('{"type":"heartbeat","seq":1}\n');
    const line = next();
    await put(s, 'after', 'x');
    expect(await line).to.match(/^\{"type":"put","seq":2,.*"key":"after"/);
    const beat = next();
    let heart: (typeof timers)[number] | undefined;
    while (heart === undefined) {
      await turn();
      heart = timers.find(({ delayMs, isSet }) => delayMs === 15_000 && isSet);
    }
    heart.call();
    expect(await beat).to.equal('{"type":"heartbeat","seq":2}\n');
    const ended = once(response, 'end');
    response.resume();
    await s.close();
    await ended;
  });

  it('ends with wait=0 at the newest seq of its beginning, however much comes', async () => {
    serveFeed(new EndlessFeed());
    expect(linesOf((await ask('?wait=0')).body)).to.deep.equal([
      { type: 'heartbeat', seq: 0 },
      { type: 'end', seq: 0 },
    ]);
  });

  it('sends how far it has searched, after the changes that it has found', async () => {
    const feed = new EndlessFeed();
    const searches: ((change: undefined) => void)[] = [];
    const first = feed.next.bind(feed);
    feed.next = () => {
      if (feed.count === 0) return first();
      feed.count = 77;
      feed.isEnded = true;
      return new Promise<undefined>((resolve) => searches.push(resolve)) as never;
    };
    serveFeed(feed);
    const answer = ask('');
    let heart: (typeof timers)[number] | undefined;
    while (heart === undefined) {
      await turn();
      heart = timers.find(({ delayMs, isSet }) => delayMs === 15_000 && isSet);
    }
    heart.call();
    await turn();
    searches[0]?.(undefined);
    const lines = linesOf((await answer).body).map(({ type, seq }) => [type, seq]);
    expect(lines).to.deep.equal([
      ['heartbeat', 0],
      ['put', 1],
      ['heartbeat', 77],
    ]);
  });

  it('reads no more of the feed while its client reads nothing, and drops a client that stays away', async () => {
    const feed = new EndlessFeed();
    serveFeed(feed);
    const response = await begin('?values=1');
    response.pause();
    let before = -1;
    while (before !== feed.count) {
      before = feed.count;
      for (let turns = 0; turns < 100; turns += 1) await turn();
    }
    // The sockets of both sides hold changes, and one piece waits.
    expect(feed.count).to.be.below(20_000);
    const due = timers.findLast(({ delayMs, isSet }) => delayMs === 10_000 && isSet);
    due?.call();
    while (feed.closed === 0) await turn();
    expect(feed.closed).to.equal(1);
    response.destroy();
  });

  it('ends the answer within a line when the value turns out to be damaged', async () => {
    const value: LargeValue = {
      bytes: 2 * MIB,
      read: () => Promise.reject(new KvError('KV_CORRUPTION', 'damaged')),
      release: () => undefined,
    };
    const feed = new EndlessFeed({ value, valueBytes: value.bytes });
    serveFeed(feed);
    const { body } = await ask('?values=1');
    expect(body).to.match(/"value":"$/);
    expect(feed.closed).to.equal(1);
  });

  it('sends a last line when the log is damaged or the feed is overtaken', async () => {
    for (const code of ['KV_CORRUPTION', 'KV_TOO_OLD'] as const) {
      const feed = new EndlessFeed();
      feed.next = () => {
        throw new KvError(code, 'so it is', { oldestSeq: 9 });
      };
      serveFeed(feed);
      const lines = linesOf((await ask('')).body);
      expect(lines.at(-1)).to.deep.equal({
        type: 'error',
        error: code,
        message: 'so it is',
        oldest: 9,
      });
    }
  });
});

function linesOf(body: string): Record<string, unknown>[] {
  const lines = body.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
