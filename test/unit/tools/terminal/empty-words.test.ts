// Empty words of a command line, as `kv-torture "$DIR"` gives them when DIR is not set: they are no path. Before, the tool
// worked in the current directory, and kv-dump asked a server on this machine.

import { expect } from 'chai';

import { EXIT } from '../../../../src/exit-codes.js';
import { runTool } from '../../../support/tool-run.js';

const LINES: readonly (readonly [string, ...string[]])[] = [
  ['kv-torture', ''],
  ['kv-dump', ''],
  ['kv-dump', 'data', '--out='],
  ['kv-load', 'data', ''],
  ['kv-restore', 'backup', '--to', ''],
];

describe('an empty word of a command line', () => {
  for (const [tool, ...words] of LINES)
    it(`is refused: ${tool} ${words.map((word) => `'${word}'`).join(' ')}`, async () => {
      const { code, stderr } = await runTool(tool, words);
      expect(stderr).to.equal(
        `${tool}: An argument is empty: is a variable of the shell not set?\n`,
      );
      expect(code).to.equal(EXIT.usage);
    });

  it('stands for every key behind --prefix', async () => {
    for (const words of [['--prefix', ''], ['--prefix=']]) {
      const { stderr } = await runTool('kv-dump', ['/dev/null', ...words]);
      expect(stderr).to.contain('This is not a directory');
    }
  });
});
