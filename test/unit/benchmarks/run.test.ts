import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Bench, type Sizes } from '../../../benchmarks/bench.js';
import { loadCase } from '../../../benchmarks/load-case.js';
import { BARE } from '../../../benchmarks/peers/catalog.js';
import type { Peer } from '../../../benchmarks/peers/peer.js';
import { caseTables, csvOf } from '../../../benchmarks/report.js';
import { chartSvg } from '../../../benchmarks/chart.js';
import { COLUMNS, METRICS, type CaseReport, type Metric } from '../../../benchmarks/rounds.js';
import { removeFolder } from '../../support/remove-folder.js';

const TINY: Sizes = { isQuick: true, rounds: 1, heatUpMs: 10, warmupMs: 0, durationMs: 50 };
const ABSENT: Peer = { ...BARE, name: 'absent', missing: () => 'missing: needs nothing' };

describe('benchmarks, a tiny run against the bare server @long', () => {
  let dir = '';
  let bench: Bench;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cairn-bench-test-'));
    bench = new Bench(TINY, dir, () => {});
  });
  afterEach(async () => {
    await bench.cleanUp();
    removeFolder(dir);
  });

  async function reportOf(load: Parameters<typeof loadCase>[0]['load']): Promise<CaseReport> {
    const spec = { name: 'tiny', title: 'tiny run', comparisons: [] };
    const chosen = loadCase({ ...spec, entrants: [{ peer: BARE }, { peer: ABSENT }], load });
    return { ...spec, seconds: 1, ...(await chosen.run(bench)) };
  }

  for (const [title, load] of Object.entries({
    'closed loop': { connections: 3, pipeline: 4, keyCount: 100, readRatio: 0.5 },
    'open loop': { connections: 2, mode: 'open', ratePerSecond: 2000, keyCount: 100 } as const,
  })) {
    it(`loadCase() fills every column (${title})`, async () => {
      const report = await reportOf(load);
      const { sample } = report.rows[0]!;
      const absent: readonly Metric[] =
        title === 'open loop' ? ['value'] : ['value', 'lateMs', 'latestMs'];
      for (const metric of METRICS.filter((metric) => !absent.includes(metric))) {
        expect(sample[metric], metric).to.be.a('number');
      }
      expect(sample).to.include({ errors: 0, misses: 0 });
      expect(sample.rps).to.be.greaterThan(0);
    });
  }

  it('csvOf(), caseTables() and chartSvg() name what is missing', async () => {
    const report = await reportOf({ connections: 1, keyCount: 10 });
    const [head, bare, absent] = csvOf([report]).split('\n');
    const names = ['test', 'server', ...Object.values(COLUMNS), 'unit', 'note'];
    expect(head).to.equal(names.map((name) => `"${name}"`).join(','));
    expect(bare).to.match(/^"tiny","bare server","\d+"/);
    expect(absent).to.include('"missing: needs nothing"');
    expect(caseTables(report)).to.include('missing: needs nothing');
    expect(chartSvg([report]))
      .to.include('missing: needs nothing')
      .and.match(/<\/svg>\n$/);
  });

  it('Bench.load() rejects with the reason when the server answers nonsense', async () => {
    const running = await bench.start(BARE, { valueBytes: 5 });
    const load = bench.load(running, { connections: 1, valueBytes: 500 });
    const failure = await load.then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(failure).to.include('load on bare server: no reply');
  });

  it('Bench.start() rejects with the end of the log when the server does not start', async () => {
    const script = join(dir, 'broken.mjs');
    writeFileSync(script, 'console.error("no such disk"); process.exit(3);');
    const command = () => ({ command: process.execPath, args: [script] });
    const failure = await bench.start({ ...BARE, command }).then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(failure).to.include('no such disk');
  });

  it('Bench.cleanUp() removes the directories of the servers', async () => {
    const work = bench.freshDir();
    await bench.cleanUp();
    expect(existsSync(work)).to.equal(false);
  });
});
