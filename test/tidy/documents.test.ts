// Documents agree with the code: codes, flags, sizes, commands, folders, versions.

import { expect } from 'chai';
import { readConfig } from '../../src/config/config.js';
import { ERROR_CODES } from '../../src/errors.js';
import { LINE_READERS } from '../../src/protocol/text/commands.js';
import { withFlagTables } from '../../tools/pages/flag-tables.js';
import { parseHelp } from '../../tools/pages/help-text.js';
import { files } from './passages.js';
import { everything, exists, fileText } from './sources.js';

/** Returns the value of `8 * 1024`; NaN when it is another expression. */
function product(expression: string): number {
  return expression.split('*').reduce((all, each) => all * Number(each.replaceAll('_', '')), 1);
}

/** Returns every folder below `top` that has a source in it, or in a folder of its own. */
function foldersBelow(top: string): string[] {
  const folders = everything
    .filter(({ path }) => path.startsWith(`${top}/`))
    .flatMap(({ path }) => {
      const parts = path.split('/').slice(0, -1);
      return parts.map((_, at) => parts.slice(0, at + 1).join('/'));
    });
  return [...new Set(folders)].filter((path) => path !== top);
}

/** Returns the names in quotes that only Cairn has in `stats`. */
function namesIn(text: string): readonly string[] {
  return [...text.matchAll(/(?<=['`"])kv_[a-z0-9_]*[a-z0-9](?=['`"])/g)].map(([name]) => name);
}

describe('documents agree with the code', () => {
  it('docs/errors.md names every KvError code and no other', () => {
    const named = new Set(fileText('docs/errors.md').match(/\bKV_[A-Z_]+\b/g));
    expect([...named].toSorted()).to.deep.equal([...ERROR_CODES].toSorted());
  });

  it('ARCHITECTURE.md, "Codemap", has every folder of src and tools', () => {
    const codemap =
      /^## Codemap\n\n```\n([\s\S]*?)^```$/m.exec(fileText('ARCHITECTURE.md'))?.[1] ?? '';
    // A line with more indent lists folders below the folders of the lines before it.
    const above: string[] = [];
    const named = codemap.split('\n').flatMap((line) => {
      const depth = /^ */.exec(line)![0].length / 2;
      const words = [...line.trim().matchAll(/(?<=^|^(?:[a-z-]+\/ )+)([\w/-]+)\//g)].map(
        ([, word = '']) => word,
      );
      if (words.length > 0) above.splice(depth, Infinity, words.at(-1)!);
      return words.map((word) => [...above.slice(0, depth), word].join('/'));
    });
    expect(
      foldersBelow('src')
        .concat(foldersBelow('tools'))
        .filter((path) => !named.includes(path)),
    ).to.deep.equal([]);
    expect(named.filter((path) => !exists(path))).to.deep.equal([]);
  });

  it('docs/protocol.md and docs/cluster.md have every counter and setting of `stats` that only Cairn has', () => {
    const tellers: readonly [document: string, sources: RegExp][] = [
      ['docs/protocol.md', /^src\/(?:store\/|server\/stats\/(?!extstore|classes))/],
      ['docs/cluster.md', /^src\/cluster\//],
    ];
    for (const [document, sources] of tellers) {
      const described = namesIn(fileText(document));
      const told = everything
        .filter(({ path }) => sources.test(path))
        .flatMap(({ text }) => namesIn(text));
      expect(told.length, document).to.be.above(0);
      expect(
        told.filter((name) => !described.includes(name)),
        document,
      ).to.deep.equal([]);
    }
  });

  it('CONTRIBUTING.md, "Tests", has every folder of test', () => {
    const rows = [...fileText('CONTRIBUTING.md').matchAll(/^\| `(test\/[\w-]+)`/gm)].map(
      ([, path = '']) => path,
    );
    const folders = foldersBelow('test').filter((path) => path.split('/').length === 2);
    expect(rows.toSorted()).to.deep.equal(folders.toSorted());
  });

  it('CHANGELOG.md begins with the version of package.json, and each release names its disk format', () => {
    const { version } = JSON.parse(fileText('package.json')) as { version: string };
    const releases = fileText('CHANGELOG.md').split(/^## /m).slice(1);
    expect(releases.length).to.be.above(2);
    for (const release of releases)
      expect(release, release.slice(0, 40)).to.match(
        /^\[(?:Unreleased\]|[\d.]+\] - \d{4}-\d\d-\d\d)\n\n\*\*Disk format:\*\* /,
      );
    expect(releases[1]).to.match(new RegExp(`^\\[${version.replaceAll('.', String.raw`\.`)}\\] `));
  });

  it('documents show the version of package.json as that of the package', () => {
    const { version } = JSON.parse(fileText('package.json')) as { version: string };
    const shown = files
      .filter((path) => path.endsWith('.md'))
      .flatMap((path) => [...fileText(path).matchAll(/cairn-kv[-_](\d+\.\d+\.\d+)/g)]);
    expect(new Set(shown.map(([, each]) => each))).to.deep.equal(new Set([version]));
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
