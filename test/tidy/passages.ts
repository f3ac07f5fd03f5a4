// The prose of the repository, in passages: comments, titles of tests, messages and paragraphs, each with its place.
//
// Invariant: a passage keeps the line breaks of its file, so that an offset in it gives a line.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { everything, fileText, root } from './sources.js';

export interface Passage {
  readonly path: string;
  /** The line of the file on which the passage begins, from 1. */
  readonly line: number;
  /** `opening`: a comment or the title of a test. `text`: a paragraph of a document. `string`: a string of the code. */
  readonly kind: 'opening' | 'text' | 'string';
  /** Comment marks and quotes are blank, code is dots. */
  readonly text: string;
  /** The same with its code. */
  readonly shown: string;
}

const COMMENTS: Readonly<Record<string, RegExp>> = {
  ts: /\/\*[\s\S]*?\*\/|(?:^[ \t]*\/\/.*\n?)+|[ \t]\/\/ .*/gm,
  hash: /(?:^[ \t]*#(?!!).*\n?)+|[ \t]# .*/gm,
};
const LANGUAGES: Readonly<Record<string, string>> = {
  ts: 'ts',
  mjs: 'ts',
  c: 'ts',
  css: 'ts',
  sh: 'hash',
  run: 'hash',
  pl: 'hash',
  py: 'hash',
  rb: 'hash',
  service: 'hash',
  sysusers: 'hash',
  toml: 'hash',
  Dockerfile: 'hash',
  md: 'paragraphs',
  yml: 'paragraphs',
  yaml: 'paragraphs',
  html: 'markup',
};

/** Folders of what is not written by hand. */
const MADE = new Set(['.git', 'node_modules', 'dist', 'coverage', 'results']);

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return MADE.has(entry.name) || folder === 'data' ? [] : filesIn(path);
    return entry.isFile() ? [path] : [];
  });
}

/** Every file that the repository keeps, from the root. */
export const files: readonly string[] = filesIn('.').toSorted();

function lineAt(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}

/** The same length and line breaks, and nothing else. */
function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ');
}

function dots(text: string): string {
  return text.replaceAll(/[^\n]/g, '·');
}

/** Documents without fenced blocks, code spans and addresses. */
function withoutCode(text: string): string {
  return text
    .replaceAll(/^( *)(```|~~~)[\s\S]*?^\1\2$/gm, blank)
    .replaceAll(/`[^`\n]+`|\$\{[^}]*\}/g, dots)
    .replaceAll(/\]\([^)\s]*\)/g, blank);
}

function commentsIn(path: string, code: string, language: string): Passage[] {
  return [...code.matchAll(COMMENTS[language] ?? /$^/g)].map(({ 0: comment, index }) => {
    const shown = comment.replaceAll(/^[ \t]*(?:\/\/|\/?\*+\/?|#+)|\*\/$/gm, blank);
    const line = lineAt(code, index);
    return { path, line, kind: 'opening', text: withoutCode(shown), shown };
  });
}

function paragraphsIn(path: string, text: string): Passage[] {
  return [...withoutCode(text).matchAll(/(?:^.*\S.*\n?)+/gm)].map(({ 0: words, index }) => ({
    path,
    line: lineAt(text, index),
    kind: 'text',
    text: words,
    shown: text.slice(index, index + words.length),
  }));
}

function passagesOf(path: string): Passage[] {
  const language = LANGUAGES[path.split(/[./]/).at(-1) ?? ''];
  if (language === undefined) return [];
  const text = fileText(path);
  if (language === 'paragraphs') return paragraphsIn(path, text);
  if (language === 'markup') return paragraphsIn(path, text.replaceAll(/<[^>]*>/g, blank));
  const source = everything.find((each) => each.path === path);
  if (source === undefined) return commentsIn(path, text, language);
  let code = text;
  for (const { text: string, at } of source.strings)
    code = code.slice(0, at) + blank(string) + code.slice(at + string.length);
  const strings = source.strings.map(({ text: string, at, isTitle }): Passage => ({
    path,
    line: lineAt(text, at),
    kind: isTitle ? 'opening' : 'string',
    text: withoutCode(` ${string.slice(1, -1)} `),
    shown: ` ${string.slice(1, -1)} `,
  }));
  return [...commentsIn(path, code, language), ...strings];
}

/** Its examples break the rules that it states. */
const RULES_THEMSELVES = 'test/tidy/prose-rules.ts';

/** All prose below these paths, or of the whole repository. */
export function passagesBelow(paths: readonly string[]): Passage[] {
  const isAsked = (path: string): boolean =>
    path !== RULES_THEMSELVES &&
    (paths.length === 0 || paths.some((each) => path === each || path.startsWith(`${each}/`)));
  return files.filter(isAsked).flatMap(passagesOf);
}
