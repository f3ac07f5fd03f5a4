// The same cases over text, meta and binary against a real server, each written in one protocol and read back in all of
// them; and what a kill -9 must leave: values, flags, tokens, TTLs and stale marks. The server runs over the log, over
// etcd and over Redis.

import { expect } from 'chai';
import { failure } from '../support/failure.js';
import { CAIRNS, describeServers } from '../support/servers.js';
import { BinarySpeaker, MetaSpeaker, TextSpeaker, type Speaker } from './speakers.js';

const MAX = 2n ** 64n - 1n;
const AT_ONCE = -1;
/** The refusal of a later flush: in a line, or as a status of the binary protocol. */
const NOT_OFFERED = /not offered|"131"/;

/** `key` is new for each case and speaker. */
const CASES: readonly (readonly [string, (s: Speaker, key: string) => Promise<void>])[] = [
  [
    'set, get: value and flags, any bytes, an empty value',
    async (s, key) => {
      expect(await s.get(key)).to.equal(undefined);
      for (const value of ['', 'x', 'two\r\nlines', '\0ÿ\r\n', 'v'.repeat(70_000)]) {
        expect(await s.store('set', key, value, { flags: 4_294_967_295 })).to.equal('stored');
        expect(await s.get(key)).to.include({ value, flags: 4_294_967_295 });
      }
    },
  ],
  [
    'add and replace depend on what is there',
    async (s, key) => {
      expect(await s.store('replace', key, 'a')).to.equal('not-stored');
      expect(await s.store('add', key, 'b', { flags: 1 })).to.equal('stored');
      expect(await s.store('add', key, 'c')).to.equal('not-stored');
      expect(await s.get(key)).to.include({ value: 'b', flags: 1 });
      expect(await s.store('replace', key, 'd', { flags: 2 })).to.equal('stored');
      expect(await s.get(key)).to.include({ value: 'd', flags: 2 });
    },
  ],
  [
    'append and prepend keep the flags and do not create',
    async (s, key) => {
      expect(await s.store('append', key, 'x')).to.equal('not-stored');
      expect(await s.store('prepend', key, 'x')).to.equal('not-stored');
      await s.store('set', key, 'b', { flags: 9 });
      expect(await s.store('append', key, 'c')).to.equal('stored');
      expect(await s.store('prepend', key, 'a')).to.equal('stored');
      expect(await s.get(key)).to.include({ value: 'abc', flags: 9 });
    },
  ],
  [
    'a store with a CAS token: not-found, exists, stored; each change gives a new token',
    async (s, key) => {
      expect(await s.store('set', key, 'x', { cas: 5n })).to.equal('not-found');
      await s.store('set', key, 'a');
      const cas = (await s.get(key))?.cas ?? 0n;
      expect(await s.store('set', key, 'b', { cas: cas + 1n })).to.equal('exists');
      expect((await s.get(key))?.value).to.equal('a');
      expect(await s.store('set', key, 'b', { cas })).to.equal('stored');
      const after = await s.get(key);
      expect(after?.value).to.equal('b');
      expect((after?.cas ?? 0n) > cas).to.equal(true);
      expect(await s.store('set', key, 'c', { cas })).to.equal('exists');
    },
  ],
  [
    'delete: once',
    async (s, key) => {
      expect(await s.delete(key)).to.equal('not-found');
      await s.store('set', key, 'x');
      expect(await s.delete(key)).to.equal('deleted');
      expect(await s.get(key)).to.equal(undefined);
      expect(await s.delete(key)).to.equal('not-found');
    },
  ],
  [
    'incr and decr: 64 bits, wrap upwards, stop at 0, keep the flags and the length',
    async (s, key) => {
      expect(await s.count('incr', key, 1n)).to.equal('not-found');
      await s.store('set', key, '10', { flags: 3 });
      expect(await s.count('decr', key, 1n)).to.equal(9n);
      expect(await s.get(key)).to.include({ value: '9 ', flags: 3 });
      expect(await s.count('incr', key, 9_007_199_254_740_992n)).to.equal(9_007_199_254_741_001n);
      expect(await s.count('decr', key, MAX)).to.equal(0n);
      await s.store('set', key, String(MAX));
      expect(await s.count('incr', key, 1n)).to.equal(0n);
    },
  ],
  [
    'incr of a value that is not a number changes nothing',
    async (s, key) => {
      for (const value of ['text', '', '-1', '18446744073709551616']) {
        await s.store('set', key, value);
        const before = await s.get(key);
        expect(await s.count('incr', key, 1n), value).to.equal('no-number');
        expect(await s.get(key)).to.deep.equal(before);
      }
    },
  ],
  [
    'expiry: a time in the past takes effect at once, a later one does not',
    async (s, key) => {
      const now = Math.floor(Date.now() / 1000);
      for (const exptime of [AT_ONCE, 2_592_001]) {
        expect(await s.store('set', key, 'x', { exptime })).to.equal('stored');
        expect(await s.get(key)).to.equal(undefined);
      }
      for (const exptime of [0, 100, 2_592_000, now + 5000]) {
        await s.store('set', key, 'x', { exptime });
        expect((await s.get(key))?.value).to.equal('x');
      }
    },
  ],
  [
    'touch moves the end and keeps value, flags and token',
    async (s, key) => {
      expect(await s.touch(key, 100)).to.equal('not-found');
      await s.store('set', key, 'x', { flags: 6, exptime: 100 });
      const before = await s.get(key);
      expect(await s.touch(key, 500)).to.equal('touched');
      expect(await s.get(key)).to.deep.equal(before);
      expect(await s.touch(key, AT_ONCE)).to.equal('touched');
      expect(await s.get(key)).to.equal(undefined);
    },
  ],
  [
    'many keys at once: the existing ones come, in a pipeline',
    async (s, key) => {
      const keys = Array.from({ length: 200 }, (_, i) => `${key}:${i}`);
      for (const each of keys.slice(0, 20)) await s.store('set', each, `of ${each}`);
      const found = await s.getMany(keys);
      expect([...found.keys()]).to.deep.equal(keys.slice(0, 20));
      expect(found.get(`${key}:7`)).to.equal(`of ${key}:7`);
    },
  ],
  [
    'a listing names every existing key once, whatever its bytes',
    async (s, key) => {
      const keys = [`${key}:%`, `${key}:\t`, `${key}:plain`];
      for (const each of keys) await s.store('set', each, 'x');
      await s.store('set', `${key}:gone`, 'x');
      await s.delete(`${key}:gone`);
      await s.store('set', `${key}:expired`, 'x', { exptime: AT_ONCE });
      const listed = await s.list();
      if (listed === undefined) return;
      const ours = listed.filter((each) => each.startsWith(`${key}:`));
      expect(ours.sort()).to.deep.equal(keys.sort());
    },
  ],
  [
    'flush: existing items go, later ones stay',
    async (s, key) => {
      await s.store('set', key, 'old');
      expect(await s.flush(0)).to.equal('ok');
      expect(await s.get(key)).to.equal(undefined);
      expect(await s.store('replace', key, 'x')).to.equal('not-stored');
      expect(await s.store('add', key, 'new')).to.equal('stored');
      expect((await s.get(key))?.value).to.equal('new');
    },
  ],
];

/** Every item lives until the flush's time; items stored meanwhile go as well. */
async function laterFlush(s: Speaker, key: string): Promise<void> {
  await s.store('set', key, 'old');
  // The requests until the end of the wait must come before the flush, on a busy machine too.
  expect(await s.flush(4)).to.equal('ok');
  await s.store('set', `${key}:between`, 'x');
  expect((await s.get(key))?.value).to.equal('old');
  // Reads do not renew an item, so the test polls until it has gone.
  while ((await s.get(key)) !== undefined) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await s.get(`${key}:between`)).to.equal(undefined);
  expect(await s.store('add', key, 'new')).to.equal('stored');
  expect((await s.get(key))?.value).to.equal('new');
}

/** Over a cluster a later flush is refused: all servers might be gone by its time. */
async function noLaterFlush(s: Speaker, key: string): Promise<void> {
  await s.store('set', key, 'old');
  expect(await failure(s.flush(2))).to.match(NOT_OFFERED);
  expect((await s.get(key))?.value).to.equal('old');
}

describeServers(
  'conformance over the wire: text, meta and binary,',
  (server) => {
    const port = (): number => server.port();
    const meta = new MetaSpeaker(port);
    const speakers: readonly (readonly [string, Speaker])[] = [
      ['text', new TextSpeaker(port)],
      ['meta', meta],
      ['binary', new BinarySpeaker(port)],
    ];

    for (const [name, speaker] of speakers) {
      for (const [index, [title, run]] of CASES.entries()) {
        it(`${name}: ${title}`, () => run(speaker, `${name}-${index}`));
      }
    }

    const hasLaterFlush = server.kind === 'cairn';
    for (const [name, speaker] of speakers) {
      it(`${name}: a later flush ${hasLaterFlush ? 'takes all, at its time' : 'is refused'} @long`, () =>
        hasLaterFlush
          ? laterFlush(speaker, `${name}-later`)
          : noLaterFlush(speaker, `${name}-later`));
    }

    it('the other protocols read what one protocol stores, with the same value, flags and token', async () => {
      for (const [name, writer] of speakers) {
        await writer.store('set', `by-${name}`, 'shared', { flags: 77 });
        const seen = await Promise.all(speakers.map(([, reader]) => reader.get(`by-${name}`)));
        expect(seen[0]).to.include({ value: 'shared', flags: 77 });
        expect(seen.slice(1)).to.deep.equal([seen[0], seen[0]]);
      }
    });

    it('after kill -9 and a restart: values, flags, tokens, TTLs, stale marks and what is gone', async () => {
      const keys: string[] = [];
      for (const [name, speaker] of speakers) {
        const key = `kept-${name}`;
        keys.push(key, `count-${name}`, `touched-${name}`);
        await speaker.store('set', key, `value of ${name}`, { flags: 12, exptime: 50_000 });
        await speaker.store('set', `count-${name}`, '41', { flags: 1 });
        expect(await speaker.count('incr', `count-${name}`, 1n)).to.equal(42n);
        await speaker.store('set', `touched-${name}`, 'x', { exptime: 100 });
        await speaker.touch(`touched-${name}`, 90_000);
        await speaker.store('set', `gone-${name}`, 'x');
        await speaker.delete(`gone-${name}`);
      }
      await meta.ask(
        'ms stale 3 F5\r\nold\r\nmd stale I T3000\r\nms chosen 1 E123456789012345\r\nx\r\n',
      );
      keys.push('stale', 'chosen');
      // t is a number of seconds: meanwhile it may only have gone down, by the time that passed.
      const ttls = (): Promise<string[]> =>
        Promise.all(keys.map((key) => meta.ask(`mg ${key} t\r\n`)));
      const states = (): Promise<unknown[]> =>
        Promise.all(keys.flatMap((key) => speakers.map(([, speaker]) => speaker.get(key))));
      // The first meta read of a stale item wins, so the test reads once before it compares the states that later readers see.
      expect(await meta.ask('mg stale v\r\n')).to.match(/ W.*\r\nold\r\n$/);
      const [before, ttlsBefore] = [await states(), await ttls()];
      const startedMs = Date.now();
      await server.process().kill();
      await server.process().restart();
      expect(await states()).to.deep.equal(before);
      const passedSeconds = Math.ceil((Date.now() - startedMs) / 1000) + 1;
      for (const [i, reply] of (await ttls()).entries()) {
        const [was, is] = [ttlsBefore[i]!, reply].map((each) =>
          Number(/ t(-?\d+)/.exec(each)?.[1]),
        );
        expect(is, keys[i]).to.be.within(was! < 0 ? was! : was! - passedSeconds, was!);
      }
      expect(await meta.ask('mg stale s\r\n')).to.match(/^HD s3.* X/);
      expect(await meta.ask('mg chosen c\r\n')).to.equal('HD c123456789012345\r\n');
      for (const [name, speaker] of speakers) {
        expect(await speaker.get(`gone-${name}`)).to.equal(undefined);
      }
    });
  },
  { kinds: CAIRNS },
);
