// The quick set of benchmarks, as short as possible: it must run, and produce every row. No figure is judged.

import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

import { CASES } from '../../benchmarks/cases/catalog.js';
import type { RunReport } from '../../benchmarks/report.js';
import { run } from '../support/programs.js';
import { removeFolder } from '../support/remove-folder.js';

const BENCH = join(import.meta.dirname, '../../benchmarks/run.js');

describe('npm run bench -- --quick', function () {
  // It takes under four minutes alone; the rest is patience with a busy machine.
  this.timeout(1_200_000);
  let dir: string;

  before(() => (dir = mkdtempSync(join(tmpdir(), 'cairn-bench-'))));
  after(() => removeFolder(dir));

  /** Returns the report of each case. */
  async function measured(...more: readonly string[]): Promise<RunReport['cases']> {
    const short = ['--quick', '--rounds', '1', '--seconds', '0.1', '--out', dir];
    const { code, stdout, stderr } = await run(process.execPath, [BENCH, ...short, ...more], {
      timeoutMs: 1_190_000,
    });
    expect(code, `${stdout}${stderr}`).to.equal(0);
    const text = readFileSync(join(dir, 'results.json'), 'utf8');
    const { cases } = JSON.parse(text) as RunReport;
    for (const { name, rows } of cases) {
      expect(rows.length, name).to.be.above(0);
      // A row is measured, or a peer names what it would need; rows with Cairn are always measured.
      for (const { server, sample, note } of rows) {
        const isMissing = !server.startsWith('cairn') && (note ?? '').includes('needs');
        const isMeasured = Object.keys(sample).length > 0;
        expect(isMeasured || isMissing, `${name}: ${server} ${note ?? ''}`).to.equal(true);
      }
    }
    return cases;
  }

  it('runs one case, and produces its rows', async () => {
    const cases = await measured('--case', 'CONNECT');
    expect(cases.map(({ name }) => name)).to.deep.equal(['CONNECT']);
  });

  it('runs and produces every row @long', async () => {
    // Each case over a cluster starts one: a single case stands for them all.
    const cases = await measured('--without', 'CLUSTER');
    const names = CASES.map(({ name }) => name).filter((name) => !name.startsWith('CLUSTER'));
    expect(cases.map(({ name }) => name)).to.deep.equal(names);
  });

  it('runs a case over a cluster, beside the bare client @long', async () => {
    const [only] = await measured('--case', 'CLUSTER redis SET 200');
    expect(only?.name).to.equal('CLUSTER redis SET 200');
  });
});
