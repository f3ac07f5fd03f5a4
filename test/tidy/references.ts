// Finds dead references in the prose: links, anchors, sections of documents, files and folders.

import { join, normalize } from 'node:path';

import { slug } from 'github-slugger';

import { files, passagesBelow, type Passage } from './passages.js';
import { exists, fileText } from './sources.js';

/** Folders of the root whose files the prose names by their whole path. */
const FOLDERS = 'src|test|tools|docs|benchmarks|packaging|examples|\\.github|\\.ci';
/** A path may begin there: a file of the engine is named from its room on. */
const PLACES = [
  '',
  'src/',
  'src/store/',
  'src/log/',
  'src/server/',
  'src/protocol/',
  'docs/',
  'test/',
];

/** Folders that programs write when they run. */
const MADE = new Set(['benchmarks/results']);

const names = new Set(files.map((path) => path.split('/').at(-1) ?? ''));

interface Heading {
  readonly words: string;
  readonly anchor: string;
}

/** The headings of a document, with the anchors that GitHub gives them. */
function headingsOf(page: string): Heading[] {
  const seen = new Map<string, number>();
  const text = fileText(page).replaceAll(/^```[\s\S]*?^```$/gm, '');
  return [...text.matchAll(/^#+ +(.*)$/gm)].map(([, heading = '']) => {
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '');
    const plain = slug(words);
    const before = seen.get(plain) ?? 0;
    seen.set(plain, before + 1);
    return { words, anchor: before === 0 ? plain : `${plain}-${before}` };
  });
}

/** Checks whether a document has a heading, or a paragraph that begins with the words in bold. */
function hasSection(page: string, section: string): boolean {
  const words = section.replaceAll(/[`*]/g, '');
  const bold = fileText(page).replaceAll(/[`]/g, '');
  return headingsOf(page).some((each) => each.words === words) || bold.includes(`**${words}`);
}

/** Checks whether a path leads to something. A file of code may be named without what follows its first dot. */
function leads(path: string): boolean {
  return ['', '.ts', '.test.ts'].some((ending) => exists(path + ending));
}

/** The files that a document or comment at `from` may mean by a path, from the root. README.md is in several folders. */
function resolved(from: string, path: string): string[] {
  const beside = normalize(join(from, '..', path));
  return [beside, ...PLACES.map((place) => place + path)].filter(leads);
}

/** The relative links of a document that lead nowhere. */
function deadLinks({ path, text, shown }: Passage): string[] {
  if (!path.endsWith('.md')) return [];
  return [...shown.matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)/gm)]
    .filter(({ index }) => text[index] !== '·')
    .map(([, inline, defined]) => inline ?? defined ?? '')
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [target = '', anchor] = link.split('#');
      const page = target === '' ? path : normalize(join(path, '..', decodeURI(target)));
      if (!exists(page)) return true;
      return anchor !== undefined && !headingsOf(page).some((each) => each.anchor === anchor);
    });
}

/** Sections that are named as in `docs/format.md, "Hints"`, or in a document as in `see "Frame"`, and are not there. */
function deadSections({ path, shown }: Passage): string[] {
  const words = shown.replaceAll(/\s+/g, ' ');
  const named = [...words.matchAll(/([\w./-]+\.md)[`)]*,? "([^"]+)"/g)];
  const own = path.endsWith('.md') ? [...words.matchAll(/\bsee "()([A-Z][^"]+)"/g)] : [];
  return [...named, ...own]
    .filter(([, page = '', section = '']) => {
      const targets = page === '' ? [path] : resolved(path, page);
      return !targets.some((target) => hasSection(target, section));
    })
    .map(([all]) => all);
}

/** Files and folders that are named by their path, and files of code and documents by their name, that are not there. */
function deadPaths({ path, shown }: Passage): string[] {
  const whole = new RegExp(`(?<![\\w./@<-])(?:${FOLDERS})/[\\w./-]*[\\w]`, 'g');
  const paths = [...shown.matchAll(whole)]
    .map(([each]) => each)
    .filter((each) => !leads(each) && !MADE.has(each));
  const code = [
    ...shown.matchAll(/(?<![\w./<*-])(?:\.\.\/)*((?:[\w-]+\/)*[a-z][\w.-]*\.(?:ts|md))\b/g),
  ]
    .map(([, each = '']) => each)
    .filter((each) => !names.has(each) && resolved(path, each).length === 0);
  const rooms = [
    ...shown.matchAll(/`((?:env|log|store|server|protocol|cluster|http)\/[a-z/-]+[a-z])`/g),
  ]
    .map(([, each = '']) => each)
    .filter((each) => !leads(`src/${each}`));
  return [...paths, ...code, ...rooms];
}

/** Every reference of a passage that leads nowhere, as `path:line: reference`. */
export function deadReferencesOf(passage: Passage): string[] {
  const dead = [...deadLinks(passage), ...deadSections(passage), ...deadPaths(passage)];
  return [...new Set(dead)].map((reference) => `${passage.path}:${passage.line}: ${reference}`);
}

/** Every reference below these paths that leads nowhere. Strings of tests may name anything. */
export function deadReferencesBelow(paths: readonly string[]): string[] {
  return passagesBelow(paths)
    .filter(({ path, kind }) => kind !== 'string' || !path.startsWith('test/'))
    .flatMap(deadReferencesOf);
}
