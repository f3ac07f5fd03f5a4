// docs/errors.md against the code: it has every code with its exit code, and every exit code with its name.

import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ERROR_CODES, KvError } from '../../../src/errors.js';
import { EXIT, exitCodeOf } from '../../../src/exit-codes.js';
import { formOfError } from '../../../src/protocol/errors.js';
import { PROJECT_DIR } from '../../support/golden-file.js';

const DOC = readFileSync(join(PROJECT_DIR, 'docs', 'errors.md'), 'utf8');

/** Returns the cells of the rows whose first cell matches. */
function rows(first: RegExp): string[][] {
  const lines = DOC.split('\n').filter((line) => line.startsWith('|'));
  const cells = lines.map((line) => line.slice(1, -1).split('|'));
  return cells
    .map((row) => row.map((cell) => cell.trim()))
    .filter(([cell = '']) => first.test(cell));
}

describe('docs/errors.md', () => {
  it('has every code of KvError with its exit code, and no other', () => {
    const said = rows(/^`KV_/).map((row) => [row[0], row.at(-1)]);
    const real = ERROR_CODES.map((code) => [
      `\`${code}\``,
      String(exitCodeOf(new KvError(code, 'x'))),
    ]);
    expect(said).to.deep.equal(real);
  });

  it('has every exit code with its name, and no other', () => {
    const said = rows(/^\d+$/).map(([code, name]) => [name, code]);
    expect(said).to.deep.equal(
      Object.entries(EXIT).map(([name, code]) => [`\`${name}\``, String(code)]),
    );
  });

  it('has the lines with which the server reports a failure to clients', () => {
    const refused = ['too-large', 'no-memory', 'no-space', 'no-descriptors'] as const;
    const failures = [...refused, 'damaged', 'closed', 'unknown', 'not-offered'] as const;
    for (const name of failures) {
      const line = formOfError(name).line.toString('latin1').trimEnd();
      expect(rows(/^`SERVER_ERROR/).map(([reply]) => reply)).to.include(`\`${line}\``);
    }
  });
});
