// The rules of CONTRIBUTING.md, "How we write", that a machine can hold: what to avoid, and what to write for it.

import type { Passage } from './passages.js';

interface Rule {
  /** A blank in it stands for any white space. */
  readonly avoid: RegExp;
  readonly say: string;
  /** A text that breaks the rule, and one that does not: the test tries both. */
  readonly bad: string;
  readonly good: string;
  /** It holds only for comments and titles. */
  readonly isForOpenings?: true;
}

/** Something that is counted: `12,000 writes`, `8 more bytes`, or a unit alone. */
const COUNTED = String.raw`\d(?:[\d,.]*\d)?[kKMG]?(?: (?!(?:of|with|to|on|in|for|from|takes|shows|and|or) )[\w/%µ-]+){0,2}`;
const COUNTABLE = 'writes|reads|requests|commits|records|operations|syncs|bytes|[KMGT]i?B';
const NOT_MORE = String.raw`(?=[^\w ’'-]| (?:and|or|with|on|over|in|at|for|from|to|while|than|as|of|when|by)\b|$)`;

/** Words in a sentence, at most. */
export const SENTENCE_WORDS_MAX = 40;

export const RULES: readonly Rule[] = [
  {
    avoid:
      /^\W*(?:(?:Of|With|For|To|From|By|At|In) )?(?:Who|What|Whether|How|Where|Why|Which|Whose|Whom)\b(?![^.:]*\?)/i,
    say: 'begin with the subject, or with a verb: "Returns …", "Checks whether …"',
    bad: 'Whether the key is there.',
    good: 'Checks whether the key is there.',
    isForOpenings: true,
  },
  {
    avoid: /^\W*That (?:an?|the|it|they|what|each|every|all|no|none|nothing|nobody|documents)\b/,
    say: 'begin with the subject: "Checks that …"',
    bad: 'That documents and code agree.',
    good: 'Checks that documents and code agree.',
    isForOpenings: true,
  },
  {
    avoid: /\b(?:for|to|by|of|from|with|than|tells?|told|lets?) who\b/i,
    say: '"clients that", "whoever"',
    bad: 'used by who waits for the disk',
    good: 'used by requests that wait for the disk',
  },
  {
    avoid: /(?:[.;:] |^\W*)Who\b(?![^.]*\?)/,
    say: '"clients that", "whoever"',
    bad: 'The log is read. Who asks gets it.',
    good: 'The log is read. Whoever asks gets it.',
  },
  { avoid: /\banew\b/i, say: '"again"', bad: 'sets it anew', good: 'sets it again' },
  {
    avoid: /\bin vain\b/i,
    say: 'what happens: "for which there is nothing to do"',
    bad: 'It is called in vain.',
    good: 'It is called when there is nothing to do.',
  },
  {
    avoid: /\bin (?:its|their|the) midst\b/i,
    say: '"in the middle of"',
    bad: 'torn in its midst',
    good: 'torn in the middle of it',
  },
  { avoid: /\bbe it\b/i, say: '"whether … or"', bad: 'a file, be it old', good: 'an old file' },
  {
    avoid: /\bsuch (?:that|a one)\b/i,
    say: '"so that", or the noun',
    bad: 'such that it fits',
    good: 'so that it fits',
  },
  { avoid: /\bthereof\b/i, say: '"of it"', bad: 'the end thereof', good: 'the end of it' },
  { avoid: /\bwhat for\b/i, say: '"why"', bad: 'says what for', good: 'says why' },
  {
    avoid: /\bat the time being\b/i,
    say: '"at present"',
    bad: 'off at the time being',
    good: 'off at present',
  },
  {
    avoid: /\bso as (?:to|not)\b/i,
    say: '"to", "so that"',
    bad: 'so as to fit',
    good: 'to fit',
  },
  {
    avoid: /\bas to (?!be\b)/i,
    say: '"about"',
    bad: 'distinct as to disk',
    good: 'distinct in what is on disk',
  },
  {
    avoid: /(?:[.;] |^\W*)else\b/i,
    say: '"otherwise"',
    bad: 'It waits; else it fails.',
    good: 'It waits; otherwise it fails.',
  },
  {
    avoid: /\b(?:is|are|was|were|be|been|being) told\b/i,
    say: 'who tells whom',
    bad: 'The listener is told.',
    good: 'The log tells the listener.',
  },
  {
    avoid: /\b(?:those who|the other ones?)\b/i,
    say: 'the noun',
    bad: 'It answers those who wait.',
    good: 'It answers the requests that wait.',
  },
  {
    avoid: new RegExp(
      `(?:${COUNTED} an? (?:second|minute|hour|day|key|item|record|request|turn|value|file)|` +
        `\\b(?:${COUNTABLE}) an? (?:second|minute|hour|day|key))\\b${NOT_MORE}`,
    ),
    say: '"per"',
    bad: '12,000 writes a second',
    good: '12,000 writes per second; after 5 s a second try',
  },
];

/** Blanks of a rule stand for any white space, a line break of a comment or a document among it. */
function patternOf({ avoid }: Rule): RegExp {
  return new RegExp(avoid.source.replaceAll(' ', String.raw`\s+`), `g${avoid.flags}`);
}

const PATTERNS = RULES.map((rule) => ({ rule, pattern: patternOf(rule) }));

/** The sentences of a passage, each with its offset. Rows of tables and rulers of bytes are none. */
function sentencesOf({ text }: Passage): { sentence: string; at: number }[] {
  const ends = /[.!?:](?=\s)|\n\s*\n|\n\s*(?:[-*]|\d+\.) |\n\s*\|.*/g;
  const found: { sentence: string; at: number }[] = [];
  let at = 0;
  for (const { 0: end, index } of [...text.matchAll(ends), { 0: '', index: text.length }]) {
    found.push({ sentence: text.slice(at, index), at });
    at = index + end.length;
  }
  return found.filter(
    ({ sentence }) => !sentence.includes(' | ') && !sentence.trimStart().startsWith('|'),
  );
}

function longSentencesOf(passage: Passage): { at: number; say: string }[] {
  // A string may be a program, as the scripts of Redis are.
  if (passage.kind === 'string') return [];
  const counted = sentencesOf(passage).map(({ sentence, at }) => ({
    at: at + sentence.length - sentence.trimStart().length,
    words: sentence.split(/\s+/).filter((word) => /[\w·]/.test(word)).length,
  }));
  return counted
    .filter(({ words }) => words > SENTENCE_WORDS_MAX)
    .map(({ at, words }) => ({ at, say: `a sentence of ${words} words: make two of it` }));
}

function brokenRulesOf({ kind, text }: Passage): { at: number; say: string }[] {
  return PATTERNS.filter(({ rule }) => kind === 'opening' || rule.isForOpenings !== true).flatMap(
    ({ rule, pattern }) =>
      [...text.matchAll(pattern)].map(({ 0: found, index }) => ({
        at: index + found.length - found.replace(/^[^\w·]+/, '').length,
        say: rule.say,
      })),
  );
}

/** Everything in a passage that breaks a rule, as `path:line: "words" → what to write`. */
export function violationsOf(passage: Passage): string[] {
  return [...brokenRulesOf(passage), ...longSentencesOf(passage)].map(({ at, say }) => {
    const line = passage.line + passage.text.slice(0, at).split('\n').length - 1;
    const words = passage.shown
      .slice(at, at + 70)
      .replaceAll(/\s+/g, ' ')
      .trim();
    return `${passage.path}:${line}: "${words}" → ${say}`;
  });
}
