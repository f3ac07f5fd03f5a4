// References of the prose lead to something: links, anchors, sections of documents, files and folders.

import { expect } from 'chai';

import type { Passage } from './passages.js';
import { deadReferencesBelow, deadReferencesOf } from './references.js';

function passage(path: string, text: string): Passage {
  return { path, line: 7, kind: 'text', text, shown: text };
}

describe('references', () => {
  it('lead to what is there, in every file', () => {
    expect(deadReferencesBelow([])).to.deep.equal([]);
  });

  for (const [path, dead, good] of [
    ['docs/tools.md', '[a](nowhere.md)', '[a](format.md)'],
    ['docs/tools.md', '[a](format.md#nowhere)', '[a](format.md#segment-header-64-bytes)'],
    ['docs/format.md', '[a](#nowhere)', '[a](#hints)'],
    ['src/index.ts', 'docs/format.md, "Nowhere"', 'docs/format.md,\n"Segment header, 64 bytes"'],
    ['docs/tools.md', '[a](format.md), "Nowhere"', '[a](format.md), "Hints"'],
    ['docs/format.md', 'see "Nowhere"', 'see "Hints"'],
    ['src/index.ts', 'docs/nowhere.md', 'docs/format.md'],
    ['src/index.ts', 'nowhere.ts', 'src/log/bytes/format.ts, log/bytes/format.ts, format.ts'],
    ['src/index.ts', 'test/unit/nowhere', 'test/unit/log, test/crash/crash-loop'],
    ['ARCHITECTURE.md', '`log/nowhere`', '`log/bytes/format`, `log/bytes`'],
  ] as const) {
    it(`${dead} in ${path} is dead`, () => {
      expect(deadReferencesOf(passage(path, dead))).to.have.length(1);
      expect(deadReferencesOf(passage(path, good))).to.deep.equal([]);
    });
  }
});
