import { expect } from 'chai';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { openStore } from '../../../src/store/open-store.js';
import { Repair, type RepairReport } from '../../../src/offline/repair.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import { DataDirectory, durable, put, turn, valueOf } from '../../support/data-directory.js';
import { contentsOf, copyOf, realEnv, recordStore } from '../../support/damaged-store.js';
import { temporaryFolder } from '../../support/servers.js';
import { removeFolder } from '../../support/remove-folder.js';

const OPTIONS = { segmentBytesMax: 16 * 1024, snapshot: 'never', compactRatio: 0.9 } as const;

describe('Repair @long', () => {
  let root = '';
  let dir = '';

  beforeEach(() => {
    root = temporaryFolder();
    dir = join(root, 'data');
  });
  afterEach(() => removeFolder(root));

  async function repaired(from = dir): Promise<{ report: RepairReport; to: string }> {
    const to = join(root, 'repaired');
    mkdirSync(to);
    const plan = await Repair.plan(realEnv, from, () => undefined);
    await plan.write(to, () => undefined);
    await plan.close();
    return { report: plan.report, to };
  }

  /** Puts `victim` and overwrites or deletes it, all in a sealed segment with a hint. */
  async function sealedWith(last: 'put' | 'delete'): Promise<DataDirectory> {
    const store = await openStore(realEnv, dir, OPTIONS);
    await put(store, 'victim', 'old value');
    if (last === 'put') await put(store, 'victim', 'new value');
    else await store.delete({ key: Buffer.from('victim') });
    for (let i = 0; i < 40; i += 1) await put(store, `filler-${i}`, 'x'.repeat(900));
    const data = new DataDirectory(dir);
    const sealed = (): number =>
      data.manifest().segments.filter(({ bytes }) => bytes !== null).length;
    while (data.names('.hint').length < Math.max(1, sealed())) await turn();
    await store.close();
    return data;
  }

  it('of an undamaged store keeps every value, flag, expiry, token and seq', async () => {
    const recorded = await recordStore(dir, new SeededRandom(7), 300);
    const before = new DataDirectory(dir).contents();
    const { report, to } = await repaired();
    expect(report.findings).to.deep.equal([]);
    expect(report.losses).to.deep.equal([]);
    expect(await contentsOf(to)).to.deep.equal(recorded.contents);
    expect(new DataDirectory(dir).contents()).to.equal(before);
    const store = await openStore(realEnv, to, OPTIONS);
    expect(store.durability.lastSeq).to.equal(report.lastSeq);
    expect(store.stats().get('kv_recovery_clean')).to.equal(1);
    await store.close();
  });

  it('keeps large values, and names the key of one that cannot be read', async () => {
    const store = await openStore(realEnv, dir, OPTIONS);
    await put(store, 'whole', Buffer.alloc(1_500_000, 'whole'));
    await put(store, 'spoilt', Buffer.alloc(1_500_000, 'spoilt'));
    await put(store, 'gone', Buffer.alloc(1_500_000, 'gone'));
    await store.close();
    const data = new DataDirectory(dir);
    const [first = '', second = '', third = ''] = data.names('.val');
    // A damaged header loses nothing, since every chunk has its own checksum.
    data.flip(first, 3);
    data.flip(second, 400_000);
    rmSync(data.pathOf(third));
    const { report, to } = await repaired();
    expect(report.losses.map(({ key, fate }) => `${key?.toString()} ${fate}`)).to.deep.equal([
      'spoilt lost',
      'gone lost',
    ]);
    expect([...(await contentsOf(to)).keys()]).to.deep.equal(['whole']);
  });

  it('keeps a damaged delete as a delete when there is a hint', async () => {
    const data = await sealedWith('delete');
    const [segment = ''] = data.names('.seg');
    const bytes = data.read(segment);
    data.flip(segment, bytes.indexOf('victim', bytes.indexOf('victim') + 1) + 2);
    const { report, to } = await repaired();
    expect(report.losses).to.deep.equal([]);
    expect((await contentsOf(to)).has('victim')).to.equal(false);
  });

  it('shows no older value for a damaged put when there is a hint, and reports it when there is none', async () => {
    const data = await sealedWith('put');
    const [segment = ''] = data.names('.seg');
    data.flip(segment, data.read(segment).indexOf('new value'));
    const sure = await repaired();
    expect(sure.report.losses).to.have.length(1);
    expect(sure.report.losses[0]).to.include({ fate: 'lost', isCertain: true });
    expect((await contentsOf(sure.to)).has('victim')).to.equal(false);
    for (const hint of data.names('.hint')) rmSync(data.pathOf(hint));
    removeFolder(sure.to);
    const guess = await repaired();
    expect(guess.report.losses[0]).to.include({ fate: 'stale', isCertain: false });
    const store = await openStore(realEnv, guess.to, OPTIONS);
    expect(await valueOf(store, 'victim')).to.equal('old value');
    await store.close();
  });

  it('cuts a torn tail as a start does, and reports no loss', async () => {
    const store = await openStore(realEnv, dir, OPTIONS);
    await put(store, 'kept', 'value');
    await put(store, 'torn', 'away');
    await durable(store);
    const crashed = copyOf(dir, join(root, 'crashed'));
    await store.close();
    const segment = crashed.names('.seg').find((name) => crashed.read(name).includes('away'))!;
    crashed.flip(segment, crashed.read(segment).indexOf('away'));
    const { report, to } = await repaired(crashed.path);
    expect(report.losses).to.deep.equal([]);
    expect(report.tornBytes).to.be.above(0);
    expect([...(await contentsOf(to)).keys()]).to.deep.equal(['kept']);
  });

  it('reads segments that have each other’s names, and a segment whose header is damaged', async () => {
    const data = await sealedWith('put');
    const expected = await contentsOf(dir);
    const [first = '', second = ''] = data.names('.seg');
    const bytes = data.read(first);
    data.write(first, data.read(second));
    data.write(second, bytes);
    const { report, to } = await repaired();
    expect(report.losses).to.deep.equal([]);
    expect(await contentsOf(to)).to.deep.equal(expected);
    data.write(second, data.read(first));
    data.write(first, bytes);
    data.flip(first, 20);
    removeFolder(to);
    const again = await repaired();
    expect(again.report.losses).to.deep.equal([]);
    expect(await contentsOf(to)).to.deep.equal(expected);
  });
}).timeout(60_000);
