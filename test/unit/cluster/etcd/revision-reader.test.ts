// RevisionReader: reads one revision of a real etcd while a store over it writes, flushes and compacts.

import { expect } from 'chai';

import { EtcdClient } from '../../../../src/cluster/etcd/client.js';
import { openEtcdStore } from '../../../../src/cluster/etcd/open-store.js';
import { RevisionReader } from '../../../../src/cluster/etcd/revision-reader.js';
import type { EtcdStore } from '../../../../src/cluster/etcd/store.js';
import { nodeEnv } from '../../../../src/env/node-env.js';
import { isKvError } from '../../../../src/errors.js';
import { MIB } from '../../../../src/limits.js';
import type { Put } from '../../../../src/store/store.js';
import { startEtcd, type EtcdCluster } from '../../../support/etcd-cluster.js';
import { requireProgram } from '../../../support/programs.js';
import { QuietLogger } from '../../../support/quiet-logger.js';

const env = nodeEnv(new QuietLogger());
const ALL = Buffer.alloc(0);
/** Pages grow from 32 keys, so this many keys are several pages. */
const KEYS = 1500;

type Item = ReturnType<RevisionReader['items']> extends AsyncGenerator<infer T> ? T : never;

async function read(reader: RevisionReader, below = ''): Promise<Map<string, Item>> {
  const found = new Map<string, Item>();
  for await (const item of reader.items(Buffer.from(below))) found.set(item.key.toString(), item);
  return found;
}

async function failureOf(reading: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error: unknown = await reading.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (!isKvError(error)) throw new Error('no KvError', { cause: error });
  return error;
}

describe('RevisionReader over a real etcd @long', () => {
  let cluster: EtcdCluster | undefined;
  let store: EtcdStore;
  let prefix = '';
  let prefixes = 0;
  const readers: RevisionReader[] = [];

  const hosts = (): readonly string[] => cluster?.hosts ?? [];
  const open = async (): Promise<RevisionReader> => {
    const reader = await RevisionReader.open(env, { hosts: hosts(), prefix });
    readers.push(reader);
    return reader;
  };
  const set = async (
    key: string,
    value: string | Buffer,
    more: Partial<Put> = {},
  ): Promise<void> => {
    const put = {
      key: Buffer.from(key),
      value: Buffer.from(value as string),
      flags: 0,
      expiresAt: 0,
    };
    const { status } = await store.put({ mode: 'set', ...put, ...more });
    expect(status).to.equal('stored');
  };
  const fill = async (): Promise<void> => {
    await Promise.all(Array.from({ length: KEYS }, (_, at) => set(`key:${at}`, `value ${at}`)));
  };
  before(async function () {
    cluster = await startEtcd(requireProgram(this, 'etcd', 'etcd-server'), 1);
  });
  beforeEach(async () => {
    prefix = `t${(prefixes += 1)}/`;
    store = await openEtcdStore(env, { hosts: hosts(), prefix });
  });
  afterEach(async () => {
    for (const reader of readers.splice(0)) reader.close();
    await store.close();
  });
  after(() => cluster?.stop());

  it('items() gives the items of the revision, whatever is written after the first page', async () => {
    await fill();
    await set('a:first', '1');
    await set('z:second', '1');
    const reader = await open();
    const found = new Map<string, string>();
    for await (const { key, value } of reader.items(ALL)) {
      if (found.size === 0) {
        await set('a:first', '2');
        await set('z:second', '2');
        await set('z:third', 'new');
        await store.delete({ key: Buffer.from('key:999') });
        await store.flush(0);
      }
      found.set(key.toString(), value.toString());
    }
    expect(found).to.have.property('size', KEYS + 2);
    expect([found.get('a:first'), found.get('z:second')]).to.deep.equal(['1', '1']);
    expect(found.get('key:999')).to.equal('value 999');
    expect(await reader.count(ALL)).to.equal(KEYS + 2);
    expect(await read(await open())).to.have.property('size', 0);
  });

  it('items() leaves out expired and flushed items, and gives flags, expiry, token and value', async () => {
    const farMs = 4_000_000_000_000;
    await set('old', 'x');
    await set('gone:1', 'x');
    await store.flush(0);
    await set('gone:2', 'x');
    await set('kept', '\xff\0', { flags: 7, expiresAt: farMs, chosenCas: 77n });
    await set('expired', 'x', { expiresAt: env.clock.wallMs() - 1 });
    await set('large', Buffer.alloc(MIB, 0xfe));
    await store.deletePrefix(Buffer.from('gone:'));
    const found = await read(await open());
    expect([...found.keys()]).to.deep.equal(['kept', 'large']);
    const { value, ...rest } = found.get('kept')!;
    expect(rest).to.deep.equal({ key: Buffer.from('kept'), flags: 7, expiresAt: farMs, cas: 77n });
    expect(value.toString()).to.equal('\xff\0');
    expect(found.get('large')!.value.equals(Buffer.alloc(MIB, 0xfe))).to.equal(true);
    const got = await store.get(Buffer.from('large'));
    expect(got.kind === 'hit' && got.item.cas).to.equal(found.get('large')!.cas);
  });

  it('items() gives only keys that begin with the prefix, and no key of another store', async () => {
    await fill();
    await set('key:', 'itself');
    const wanted = Array.from({ length: KEYS }, (_, at) => `key:${at}`);
    const found = await read(await open(), 'key:1');
    expect([...found.keys()].sort()).to.deep.equal(
      wanted.filter((key) => key.startsWith('key:1')).sort(),
    );
    expect(await read(await open(), 'nobody')).to.have.property('size', 0);
  });

  it('items() throws when etcd has compacted the revision away meanwhile', async () => {
    await fill();
    const reader = await open();
    const client = await EtcdClient.load(env, { hosts: hosts(), prefix });
    let items = 0;
    const reading = async (): Promise<void> => {
      for await (const item of reader.items(ALL)) {
        expect(item.key).to.not.have.lengthOf(0);
        items += 1;
        if (items > 1) continue;
        await set('later', 'x');
        await client.compact(reader.revision + 1, 5000);
      }
    };
    const { code, message } = await failureOf(reading());
    client.close();
    expect(code).to.equal('KV_TOO_OLD');
    expect(message).to.include(`forgotten revision ${reader.revision}`);
    expect(items).to.be.within(1, KEYS - 1);
  });

  it('items() names a key whose bytes are no item', async () => {
    const client = await EtcdClient.load(env, { hosts: hosts(), prefix });
    const request_put = { key: Buffer.from(`${prefix}k/strange`), value: Buffer.from('hello') };
    await client.txn({ compare: [], success: [{ request_put }], failure: [] }, 5000);
    client.close();
    const { code, message } = await failureOf(read(await open()));
    expect(code).to.equal('KV_CORRUPTION');
    expect(message).to.include('"strange"');
  });
});
