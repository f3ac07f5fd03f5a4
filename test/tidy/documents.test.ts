// That documents and code agree: codes, flags, sizes, commands.

import { join } from 'node:path';
import { expect } from 'chai';
import { ERROR_CODES } from '../../src/errors.js';
import { LINE_READERS } from '../../src/protocol/text/commands.js';
import { run } from '../support/programs.js';
import { fileText, root } from './sources.js';

/** `8 * 1024` as a number; not a number when it is another expression. */
function product(expression: string): number {
  return expression.split('*').reduce((all, each) => all * Number(each.replaceAll('_', '')), 1);
}

describe('documents agree with the code', () => {
  it('docs/errors.md names every KvError code and no other', () => {
    const named = new Set(fileText('docs/errors.md').match(/\bKV_[A-Z_]+\b/g));
    expect([...named].toSorted()).to.deep.equal([...ERROR_CODES].toSorted());
  });

  it('README.md names every flag of kv-server --help', async () => {
    const server = join(root, 'dist/tools/kv-server.js');
    const { stdout, code } = await run(process.execPath, [server, '--help']);
    expect(code).to.equal(0);
    const flags = new Set(stdout.match(/(?<![\w-])--[a-z][a-z-]+/g));
    expect(flags.size).to.be.above(30);
    const readme = fileText('README.md');
    expect([...flags].filter((flag) => !readme.includes(flag))).to.deep.equal([]);
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
