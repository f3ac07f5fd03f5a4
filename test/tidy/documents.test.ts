// That documents and code agree: codes, flags, sizes, commands.

import { expect } from 'chai';
import { readConfig } from '../../src/config/config.js';
import { ERROR_CODES } from '../../src/errors.js';
import { LINE_READERS } from '../../src/protocol/text/commands.js';
import { withFlagTables } from '../../tools/pages/flag-tables.js';
import { parseHelp } from '../../tools/pages/help-text.js';
import { fileText } from './sources.js';

/** `8 * 1024` as a number; not a number when it is another expression. */
function product(expression: string): number {
  return expression.split('*').reduce((all, each) => all * Number(each.replaceAll('_', '')), 1);
}

describe('documents agree with the code', () => {
  it('docs/errors.md names every KvError code and no other', () => {
    const named = new Set(fileText('docs/errors.md').match(/\bKV_[A-Z_]+\b/g));
    expect([...named].toSorted()).to.deep.equal([...ERROR_CODES].toSorted());
  });

  it('docs/configuration.md has the flag tables that npm run pages writes', () => {
    const help = readConfig(['--help'], {}, '');
    if (!('code' in help)) throw new Error('--help serves');
    const page = fileText('docs/configuration.md');
    expect(page.match(/^\| `-/gm)).to.have.length.above(40);
    expect(page, 'npm run pages').to.equal(withFlagTables(page, parseHelp(help.stdout)));
  });

  it('docs/format.md has every size and magic of src/log/bytes/format.ts', () => {
    const format = fileText('src/log/bytes/format.ts');
    const constants = [...format.matchAll(/^export const ([A-Z][A-Z0-9_]+) = ([^;{]+);$/gm)];
    expect(constants.length).to.be.above(3);
    const page = fileText('docs/format.md').replaceAll(',', '');
    const missing = constants.filter(([, name = '', value = '']) => {
      const shown = [name, value.replaceAll(/['_]/g, ''), String(product(value))];
      return !shown.some((text) => page.includes(text));
    });
    expect(missing.map(([, name]) => name)).to.deep.equal([]);
  });

  it('docs/protocol.md names every text and meta command', () => {
    const page = fileText('docs/protocol.md');
    const storage = ['set', 'add', 'replace', 'append', 'prepend', 'cas'];
    const others = ['get', 'gets', 'gat', 'gats', 'mg', 'ms', 'md', 'ma', 'me', 'mn'];
    const commands = [...storage, ...others, ...LINE_READERS.keys()];
    expect(commands.length).to.be.above(30);
    const missing = commands.filter((name) => !new RegExp(`\`${name}\\b`).test(page));
    expect(missing).to.deep.equal([]);
  });
});
