// The flag tables of docs/configuration.md: a page and a help text → the page with a table between each pair of marks.
// Pure.
//
// Invariants: every section of flags in the help has its marks in the page; the tables are as prettier writes them.

import type { HelpItem, HelpText } from './help-text.js';

const MARKED = /(<!-- flags, ([\w ]+): written by npm run pages -->\n\n)[^]*?(<!-- end -->)/g;

/** Throws when the page lacks the marks of a section, or has marks of a section that the help lacks. */
export function withFlagTables(page: string, { sections }: HelpText): string {
  const tables = new Map(
    sections
      .map(({ title, items }) => ({
        title,
        flags: items.filter(({ term }) => term.startsWith('-')),
      }))
      .filter(({ flags }) => flags.length > 0)
      .map(({ title, flags }) => [title, tableOf(flags)]),
  );
  const marked = [...page.matchAll(MARKED)].map(([, , title = '']) => title);
  const unmarked = [...tables.keys()].filter((title) => !marked.includes(title));
  if (unmarked.length > 0) throw new Error(`the page has no marks for ${unmarked.join(', ')}`);
  const unknown = marked.filter((title) => !tables.has(title));
  if (unknown.length > 0) throw new Error(`the help has no section ${unknown.join(', ')}`);
  return page.replaceAll(
    MARKED,
    (_, start: string, title: string, end: string) => `${start}${tables.get(title)}\n\n${end}`,
  );
}

function tableOf(flags: readonly HelpItem[]): string {
  const head = ['flag', 'environment', 'default', 'meaning'];
  const rows = [head, ...flags.map(cellsOf)];
  const widths = head.map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  const lines = rows.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)));
  lines.splice(
    1,
    0,
    widths.map((width) => '-'.repeat(width)),
  );
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function cellsOf({ term, description }: HelpItem): string[] {
  const [meaning = ''] = description.split(/ \((?:CAIRN_|choices: |default: )/, 1);
  const variable = /\((CAIRN_\w+)\)/.exec(description)?.[1];
  const standard = /default: "?([^")]*)"?\)/.exec(description)?.[1];
  const choices = /\(choices: ((?:"[^"]*"(?:, )?)+)/.exec(description)?.[1] ?? '';
  const words = [...choices.matchAll(/"([^"]*)"/g)].map(([, word = '']) => code(word));
  const listed = words.length > 0 ? ` (${words.join(', ')})` : '';
  return [code(term), code(variable), code(standard), withCode(meaning) + listed];
}

function code(text: string | undefined): string {
  return text === undefined ? '' : `\`${text}\``;
}

/** Flags, names and forms stand as code: Markdown would read `<file>` as HTML and underscores as emphasis. */
function withCode(text: string): string {
  return text.replaceAll(/[^\s(]+(?=[,;:)]*(?:\s|$))/g, (word) => {
    const [, bare = '', behind = ''] = /^(.*?)([,;:.)]*)$/.exec(word) ?? [];
    return /^--?[A-Za-z]|[<_]|\w[:/]+\w/.test(bare) ? code(bare) + behind : word;
  });
}
