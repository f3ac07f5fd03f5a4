// The rules of CONTRIBUTING.md, "How we write", over all prose of the repository.

import { expect } from 'chai';

import { passagesBelow, type Passage } from './passages.js';
import { RULES, SENTENCE_WORDS_MAX, violationsOf } from './prose-rules.js';
import { fileText } from './sources.js';

/** A sentence of so many words, and one after it. */
function sentence(words: number): string {
  return `${'word '.repeat(words)}. Next: one.`;
}

function passage(text: string): Passage {
  return { path: 'a.ts', line: 7, kind: 'opening', text, shown: text };
}

describe('the rules of writing', () => {
  for (const { bad, good, say } of RULES)
    it(`"${bad}" breaks one, "${good}" breaks none`, () => {
      expect(violationsOf(passage(bad)).join('\n')).to.include(say);
      expect(violationsOf(passage(good))).to.deep.equal([]);
    });

  it('a violation has its line, also when a line break is in it', () => {
    const [found] = violationsOf(passage('The log is read\nand put in\nvain.'));
    expect(found).to.match(/^a\.ts:8: "in vain\." → /);
  });

  it(`a sentence has at most ${SENTENCE_WORDS_MAX} words`, () => {
    expect(violationsOf(passage(sentence(SENTENCE_WORDS_MAX)))).to.deep.equal([]);
    expect(violationsOf(passage(sentence(SENTENCE_WORDS_MAX + 1)))).to.have.length(1);
  });

  it('the dictionary is in alphabetical order, and has no word twice', () => {
    const words = fileText('.cspell-words.txt').trim().split('\n');
    expect(words).to.deep.equal([...new Set(words)].toSorted());
    expect(words).to.include('keydir');
  });

  it('all prose keeps them', () => {
    const passages = passagesBelow([]);
    for (const path of ['.ci/run', 'README.md', 'src/index.ts', 'tools/bootstrap.mjs'])
      expect(passages.some((each) => each.path === path)).to.equal(true, path);
    const found = passages.flatMap(violationsOf);
    expect(found).to.deep.equal([]);
  });
});
