// docs/README.md, the index: it lists every page of docs/, or the index of the page's folder.

import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

import { expect } from 'chai';

import { PROJECT_DIR } from '../../support/golden-file.js';

const DOCS = join(PROJECT_DIR, 'docs');

/** Returns the pages that a page links to, as paths below docs/. */
function linksOf(page: string): string[] {
  const text = readFileSync(join(DOCS, page), 'utf8');
  return [...text.matchAll(/\]\(([^)\s#:]+\.md)(?:#[^)\s]+)?\)/g)].map(([, target = '']) =>
    normalize(join(dirname(page), target)),
  );
}

describe('docs/README.md', () => {
  it('lists every page of docs/, or the index of its folder', () => {
    const listed = linksOf('README.md');
    const indexes = listed.filter((path) => path.endsWith('/README.md') && !path.startsWith('..'));
    const known = new Set([...listed, ...indexes.flatMap(linksOf)]);
    const pages = readdirSync(DOCS, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md') && name !== 'README.md')
      .toSorted();
    expect(pages).to.have.length.above(20);
    expect(pages.filter((page) => !known.has(page))).to.deep.equal([]);
  });
});
