// The reader of pages that are run: which blocks it finds, and what counts as printed.

import { expect } from 'chai';

import { pageBlocks, shownPattern } from '../../support/page-blocks.js';

const PAGE = `# A page

\`\`\`sh
pasted
\`\`\`

prints

\`\`\`text
shown
\`\`\`

\`\`\`sh terminal
opened
\`\`\`

## Another chapter

\`\`\`text
of nothing above
\`\`\`

\`\`\`js
no file
\`\`\`

\`\`\`js app.js
saved
\`\`\`
`;

describe('pageBlocks()', () => {
  it('finds what is typed, with what is shown in the same chapter, and what is saved', () => {
    expect(pageBlocks(PAGE)).to.deep.equal([
      { kind: 'pasted', line: 4, text: 'pasted\n', shown: 'shown\n' },
      { kind: 'terminal', line: 14, text: 'opened\n' },
      { kind: 'file', line: 28, text: 'saved\n', name: 'app.js' },
    ]);
  });

  it('refuses a word that it does not know, so that no block is left out by a slip', () => {
    expect(() => pageBlocks('\n```sh termnal\nx\n```\n')).to.throw('line 2: no block is called');
  });
});

describe('shownPattern()', () => {
  it('takes all that is printed literally, but for …', () => {
    const pattern = shownPattern('a (b) in … ms\n…\nend');
    expect('a (b) in 12 ms\n1\n2\nend').to.match(pattern);
    expect('a (b) in 12 ms\n1\n2\nend\nmore').not.to.match(pattern);
    expect('a b in 12 ms\n1\nend').not.to.match(pattern);
    expect('a (b) in\n12 ms\n1\nend').not.to.match(pattern);
  });
});
