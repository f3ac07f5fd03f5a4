// docs/library.md against the library: it has every option with its default and range, every method, and every type
// that a signature names.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { isKvError } from '../../../src/errors.js';
import { Cairn } from '../../../src/index.js';
import { STORE_OPTIONS_DEFAULT, checkedOptions } from '../../../src/store/options.js';
import { PROJECT_DIR } from '../../support/golden-file.js';

const PAGE = readFileSync(join(PROJECT_DIR, 'docs/library.md'), 'utf8');

/** Returns the cells of a chapter's table, without the heading row. */
function tableOf(chapter: string): string[][] {
  const from = PAGE.indexOf(`\n## ${chapter}\n`);
  expect(from, chapter).to.be.at.least(0);
  const end = PAGE.indexOf('\n## ', from + 1);
  const lines = PAGE.slice(from, end < 0 ? undefined : end).split('\n');
  const rows = lines.filter((line) => line.startsWith('|')).slice(2);
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** Returns the parts of a cell that are written as code. */
function codesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

/** Reads a number, true, false or a word in quotes, as JavaScript writes it. */
function literal(code: string): unknown {
  return JSON.parse(code.replaceAll("'", '"')) as unknown;
}

function isAccepted(name: string, value: unknown): boolean {
  try {
    checkedOptions({ [name]: value });
    return true;
  } catch (error) {
    expect(isKvError(error, 'KV_BAD_OPTION')).to.equal(true);
    return false;
  }
}

/** Returns the faults of a range's cell; it tries the numbers at the ends and next to them. */
function faultsOfRange(name: string, range: string): string[] {
  const tried = new Map<unknown, boolean>();
  const ends = codesIn(range).map(literal);
  if (range.startsWith('between')) {
    for (const end of ends as number[]) tried.set(end, false);
    tried.set(Number.MIN_VALUE, true).set(1 - Number.EPSILON, true);
  } else {
    for (const value of ends) tried.set(value, true);
    const numbers = ends.filter((end) => typeof end === 'number');
    const [least, most = Number.MAX_SAFE_INTEGER] = numbers;
    if (least !== undefined)
      tried
        .set(least - 1, false)
        .set(most, true)
        .set(most + 1, false);
    if (numbers.length > 0) expect(range, name).to.match(/from `\d+`$|^`\d+` to `\d+`$/);
  }
  return [...tried]
    .filter(([value, wanted]) => isAccepted(name, value) !== wanted)
    .map(([value]) => `${name}: ${String(value)}`);
}

describe('docs/library.md', () => {
  const options = tableOf('Options').map(
    ([name = '', unit = '', standard = '', range = '']) =>
      [codesIn(name)[0] ?? '', unit, standard, range] as const,
  );
  /** The options that a program may set, without the two options that only the engine sets. */
  const known = Object.keys(STORE_OPTIONS_DEFAULT).filter(
    (name) => !['useHints', 'ownsThread'].includes(name),
  );

  it('has every option of open() and no other', () => {
    const named = options.map(([name]) => name);
    expect(named.toSorted()).to.deep.equal([...known, 'onProgress', 'logger'].toSorted());
  });

  it('gives the default of each option', () => {
    for (const [name, , standard] of options) {
      if (name === 'logger' || name === 'onProgress') expect(standard).to.match(/^none/);
      else {
        const expected = STORE_OPTIONS_DEFAULT[name as keyof typeof STORE_OPTIONS_DEFAULT];
        expect(codesIn(standard).map(literal), name).to.deep.equal([expected]);
      }
    }
  });

  it('gives the range of each option', () => {
    const faults = options
      .filter(([name]) => known.includes(name))
      .flatMap(([name, , , range]) => faultsOfRange(name, range));
    expect(faults).to.deep.equal([]);
  });

  it('gives the unit that the name of an option has', () => {
    for (const [name, unit] of options) {
      if (/Bytes/.test(name)) expect(unit, name).to.match(/^bytes/);
      if (/Ms/.test(name)) expect(unit, name).to.equal('ms');
    }
  });

  it('has every method and no other', () => {
    const methods = Object.getOwnPropertyNames(Cairn.prototype);
    const named = tableOf('Methods').map(([call = '']) => /^`(\w+)\(/.exec(call)?.[1] ?? call);
    expect(named.toSorted()).to.deep.equal(
      methods.filter((name) => name !== 'constructor').toSorted(),
    );
  });

  it('names the parameters of each method as the source does', () => {
    const source = readFileSync(join(PROJECT_DIR, 'src/embedded.ts'), 'utf8');
    for (const [call = ''] of tableOf('Methods')) {
      const [, method = '', given = ''] = /^`(\w+)\((.*)\)`$/.exec(call) ?? [];
      const head = new RegExp(`^  (?:async )?\\*?${method}\\(([^)]*)\\)`, 'm').exec(source);
      if (head === null) expect.fail(`src/embedded.ts has no ${method}()`);
      const wanted = (head[1] ?? '').matchAll(/(\w+)(\?)?: [^,=]+(=)?/g);
      const parameters = [...wanted].map(([, name, mark, equals]) => [name, !!(mark ?? equals)]);
      const shown = given.split(', ').filter((part) => part !== '');
      const named = shown.map((part) => [/^\w+/.exec(part)?.[0], /[?=]/.test(part)]);
      expect(named, method).to.deep.equal(parameters);
    }
  });
});
