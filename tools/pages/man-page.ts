// Makes the man page of a program from its help, in the macros of man(7). Pure.

import type { HelpText } from './help-text.js';

/**
 * `others` are the pages that this page refers to. The page has no date, so that the same help gives the same bytes.
 */
export function composeManPage(
  name: string,
  version: string,
  help: HelpText,
  others: readonly string[],
): string {
  const lines = [
    `.TH ${roff(name.toUpperCase())} 1 "" "cairn\\-kv ${roff(version)}" "Cairn"`,
    // Long names and paths are neither hyphenated nor stretched.
    '.nh',
    '.ad l',
    '.SH NAME',
    `${roff(name)} \\- ${roff(lowerFirst(help.description.split(/[.:] ?/, 1)[0] ?? ''))}`,
    '.SH SYNOPSIS',
    roff(help.usage),
    '.SH DESCRIPTION',
    roff(help.description),
  ];
  const examples = help.sections.filter(({ title }) => title === 'Examples');
  for (const { title, items } of help.sections) {
    if (title === 'Examples') continue;
    lines.push(`.SH ${quoted(title.toUpperCase())}`);
    for (const { term, description } of items) {
      lines.push('.TP', `\\fB${roff(term)}\\fR`, roff(description));
    }
  }
  const codes = help.remarks.filter((remark) => remark.startsWith('Exit codes: '));
  const notes = help.remarks.filter((remark) => !codes.includes(remark));
  if (notes.length > 0) lines.push('.SH NOTES', notes.map(roff).join('\n.PP\n'));
  if (codes.length > 0) {
    lines.push('.SH "EXIT STATUS"');
    lines.push(...codes.map((code) => roff(code.replace(/^Exit codes: /, ''))));
  }
  for (const { items } of examples) {
    lines.push('.SH EXAMPLES');
    for (const { term, description } of items) {
      lines.push('.PP', roff(`${description}:`), '.RS 4', '.nf', roff(term), '.fi', '.RE');
    }
  }
  const pages = others.map((other) => `.BR ${roff(other)} (1)`);
  lines.push('.SH "SEE ALSO"', pages.join(' ,\n'));
  return `${lines.join('\n')}\n`;
}

/** Characters that roff would read as commands, or print as other characters. */
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': String.raw`\e`,
  '-': String.raw`\-`,
  "'": String.raw`\(aq`,
  '"': String.raw`\(dq`,
  '`': String.raw`\(ga`,
  '^': String.raw`\(ha`,
  '~': String.raw`\(ti`,
};

function roff(text: string): string {
  const escaped = text.replaceAll(/[\\\-'"`^~]/g, (character) => ESCAPES[character] ?? character);
  return escaped.startsWith('.') ? String.raw`\&${escaped}` : escaped;
}

function quoted(text: string): string {
  return text.includes(' ') ? `"${roff(text)}"` : roff(text);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
