// pageBlocks() and shownPattern(): the blocks of a page that are run, and the output that matches.

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
  it('finds typed blocks with the output of the same chapter, and saved files', () => {
    expect(pageBlocks(PAGE)).to.deep.equal([
      { kind: 'pasted', line: 4, text: 'pasted\n', shown: 'shown\n' },
      { kind: 'terminal', line: 14, text: 'opened\n' },
      { kind: 'file', line: 28, text: 'saved\n', name: 'app.js' },
    ]);
  });

  it('refuses an unknown word, so that a typing mistake leaves out no block', () => {
    expect(() => pageBlocks('\n```sh termnal\nx\n```\n')).to.throw('line 2: no block is called');
  });
});

describe('shownPattern()', () => {
  it('takes the printed text literally, except …', () => {
    const pattern = shownPattern('a (b) in … ms\n…\nend');
    expect('a (b) in 12 ms\n1\n2\nend').to.match(pattern);
    expect('a (b) in 12 ms\n1\n2\nend\nmore').not.to.match(pattern);
    expect('a b in 12 ms\n1\nend').not.to.match(pattern);
    expect('a (b) in\n12 ms\n1\nend').not.to.match(pattern);
  });
});
