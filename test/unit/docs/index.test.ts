// docs/README.md, the index: every page of docs/ is in it, or in the index of its own folder. And every link of these pages leads
// to a file, and to a heading that is there.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

import { expect } from 'chai';

import { PROJECT_DIR } from '../../support/golden-file.js';

const DOCS = join(PROJECT_DIR, 'docs');
const PAGES = readdirSync(DOCS, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .toSorted();

interface Link {
  /** Below docs/. */
  readonly path: string;
  readonly heading: string;
}

/** Returns the links of a page to files of the project; those within the page have its own path. */
function linksOf(page: string): Link[] {
  const text = readFileSync(join(DOCS, page), 'utf8').replaceAll(/^```[^]*?^```$/gm, '');
  return [...text.matchAll(/\]\(([^)\s#]*)(?:#([^)\s]+))?\)/g)]
    .filter(([, target = '']) => !/^[a-z]+:/.test(target))
    .map(([, target = '', heading = '']) => ({
      path: target === '' ? page : normalize(join(dirname(page), target)),
      heading,
    }));
}

/** As GitHub makes anchors of headings. */
function anchorsOf(path: string): string[] {
  const text = readFileSync(join(DOCS, path), 'utf8').replaceAll(/^```[^]*?^```$/gm, '');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('docs/README.md', () => {
  it('lists every page of docs/, or the index of its folder', () => {
    const listed = new Set(linksOf('README.md').map(({ path }) => path));
    for (const index of [...listed].filter((path) => /^[^.].*\/README\.md$/.test(path))) {
      for (const { path } of linksOf(index)) listed.add(path);
    }
    expect(PAGES).to.have.length.above(15);
    expect(PAGES.filter((page) => page !== 'README.md' && !listed.has(page))).to.deep.equal([]);
  });
});

describe('pages of docs/', () => {
  for (const page of PAGES) {
    it(`${page} links to files and headings that are there`, () => {
      const dead = linksOf(page).filter(
        ({ path, heading }) =>
          !existsSync(join(DOCS, path)) || (heading !== '' && !anchorsOf(path).includes(heading)),
      );
      expect(dead).to.deep.equal([]);
    });
  }
});
