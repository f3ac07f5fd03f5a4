// docs/tools.md against the programs: it explains every option that a --help shows.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { PROJECT_DIR } from '../../support/golden-file.js';
import { runTool } from '../../support/tool-run.js';

const DOC = readFileSync(join(PROJECT_DIR, 'docs', 'tools.md'), 'utf8');

describe('docs/tools.md @long', () => {
  for (const tool of [
    'kv-client',
    'kv-check',
    'kv-dump',
    'kv-load',
    'kv-backup',
    'kv-restore',
    'kv-compact',
  ]) {
    it(`has every option of ${tool}`, async () => {
      const { code, stdout, stderr } = await runTool(tool, ['--help']);
      expect([code, stderr]).to.deep.equal([0, '']);
      const options = stdout.toString().match(/^ {2}(?:-\w, )?--[a-z-]+/gm) ?? [];
      const names = options.map((option) => option.trim().split(' ').at(-1)!);
      expect(names).to.include('--help').and.include('--version');
      expect(names.filter((name) => !DOC.includes(name))).to.deep.equal([]);
    });
  }
}).timeout(60_000);
