// Cairn.changes(), as an embedding program uses it, on the real disk.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';

import { expect } from 'chai';

import { isKvError, open } from '../../src/index.js';
import type { Cairn, CairnChange, ChangesOptions } from '../../src/index.js';
import { MIB } from '../../src/limits.js';
import { temporaryFolder } from '../support/servers.js';
import { removeFolder } from '../support/remove-folder.js';

const seqOf = ({ seq }: CairnChange): number => seq;

describe('Cairn.changes()', () => {
  let dir: string;
  let store: Cairn;

  beforeEach(async () => {
    dir = temporaryFolder();
    store = await open(dir, { snapshot: 'never' });
  });
  afterEach(async () => {
    await store.close();
    removeFolder(dir);
  });

  /** Returns the next `count` changes. */
  async function take(count: number, options: ChangesOptions): Promise<CairnChange[]> {
    const found: CairnChange[] = [];
    for await (const change of store.changes(options)) {
      found.push(change);
      if (found.length === count) break;
    }
    return found;
  }

  it('gives past and coming changes, with copies of their keys and values', async () => {
    const large = Buffer.alloc(2 * MIB, 'large');
    await store.set('a', 'one', { flags: 7, ttlMs: 60_000 });
    await store.set('large', large);
    const coming = take(5, { after: 0, values: true });
    await store.touch('a', 0);
    await store.delete('a');
    await store.clear();
    const [put, big, ...rest] = await coming;
    const { expiresAt } = put!;
    expect(expiresAt).to.be.within(Date.now(), Date.now() + 60_000);
    expect(put).to.include({ type: 'put', seq: 1, flags: 7, cas: 1n, valueBytes: 3 });
    expect([put?.key.toString(), put?.value?.toString()]).to.deep.equal(['a', 'one']);
    expect(big?.value?.equals(large)).to.equal(true);
    expect(rest.map(({ type, seq, reason }) => [type, seq, reason])).to.deep.equal([
      ['touch', 3, undefined],
      ['delete', 4, 'deleted'],
      ['flush', 5, undefined],
    ]);
  });

  it('goes on after a seq, also after a restart, and gives only coming changes by default', async () => {
    for (const key of ['a', 'b', 'c']) await store.set(key, 'x');
    await store.close();
    store = await open(dir);
    expect((await take(2, { after: 1 })).map(seqOf)).to.deep.equal([2, 3]);
    expect((await take(1, { after: 'oldest', key: 'c' })).map(seqOf)).to.deep.equal([3]);
    expect((await take(1, { after: 0, prefix: 'b' })).map(seqOf)).to.deep.equal([2]);
    const coming = store.changes()[Symbol.asyncIterator]();
    const next = coming.next();
    await new Promise((resolve) => setImmediate(resolve));
    await store.set('d', 'x');
    expect((await next).value).to.include({ seq: 4 });
    await coming.return?.(undefined);
  });

  it('ends when its signal aborts, and when the store closes', async () => {
    await store.set('a', 'x');
    const stopping = new AbortController();
    const signalled: number[] = [];
    for await (const { seq } of store.changes({ after: 0, signal: stopping.signal })) {
      signalled.push(seq);
      stopping.abort();
    }
    expect(signalled).to.deep.equal([1]);
    const coming = store.changes({ after: 0 });
    expect((await coming.next()).value).to.include({ seq: 1 });
    const end = coming.next();
    await store.close();
    expect((await end).done).to.equal(true);
    const closed = await take(1, {}).catch((error: unknown) => error);
    expect(isKvError(closed, 'KV_CLOSED')).to.equal(true);
  });

  it('says when changes are gone, and from which seq on none is gone', async () => {
    for (let at = 0; at < 10; at += 1) await store.set('k', String(at));
    await store.compact();
    const gone = await take(1, { after: 3 }).catch((error: unknown) => error);
    expect(isKvError(gone, 'KV_TOO_OLD')).to.equal(true);
    expect(gone).to.include({ oldestSeq: 10 });
  });

  it('keeps a program alive that only waits for the next change', () => {
    const index = new URL('../../src/index.js', import.meta.url).href;
    const program = `
      import { open } from ${JSON.stringify(index)};
      const store = await open(${JSON.stringify(`${dir}/own`)}, { snapshot: 'never' });
      const changes = store.changes();
      setTimeout(() => void store.set('k', 'v'), 50).unref();
      const { value } = await changes.next();
      console.log(value.key.toString());
      await store.close();`;
    const args = ['--input-type=module', '--eval', program];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(stderr).to.equal('');
    expect({ status, stdout }).to.deep.equal({ status: 0, stdout: 'k\n' });
  });

  it('ends at return(), which ends a wait for the next change as well', async () => {
    const changes = store.changes();
    const next = changes.next();
    const returned = changes.return(undefined);
    expect(await next).to.deep.equal({ done: true, value: undefined });
    expect((await returned).done).to.equal(true);
    const stream = Readable.from(store.changes({ after: 0 }));
    await store.set('a', 'x');
    await once(stream, 'data');
    stream.destroy();
    await once(stream, 'close');
  });

  it('refuses a wrong option with a TypeError', async () => {
    const wrong = [
      { after: -1 },
      { after: 1.5 },
      { after: 'x' },
      { values: 1 },
      { signal: {} },
      { key: '' },
      { aftr: 1 },
    ];
    for (const options of wrong) {
      const error = await take(1, options as ChangesOptions).catch((failure: unknown) => failure);
      expect(error, JSON.stringify(options)).to.be.instanceOf(TypeError);
    }
    const later = await take(1, { after: 1 }).catch((error: unknown) => error);
    expect(isKvError(later, 'KV_BAD_OPTION')).to.equal(true);
  });
});
