// Tables for a terminal, never wider than 80 columns: the last column is wrapped. cli-table3 is loaded only when a
// table is drawn, because it costs start-up time.

import { stripVTControlCharacters } from 'node:util';

/** Every terminal shows this many columns on a line. */
const WIDTH_MAX = 80;
/** A cell has a space on each side. */
const PADDING = 2;

/**
 * Draws rows under a head, with rules; without a head, pairs of name and value. The text has no line end at its end.
 */
export async function renderTable(
  rows: readonly (readonly string[])[],
  head: readonly string[] = [],
): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    ...(head.length > 0 ? { head: [...head] } : {}),
    ...fitted([head, ...rows]),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push([...row]);
  return table.toString();
}

/**
 * Returns no option when the table fits; otherwise the widths of its columns, the last of which gets the rest of the
 * line.
 */
function fitted(lines: readonly (readonly string[])[]): object {
  const columns = Math.max(...lines.map((line) => line.length));
  const widths = Array.from(
    { length: columns },
    (_, at) => Math.max(...lines.map((line) => widthOf(line[at] ?? ''))) + PADDING,
  );
  const borders = columns + 1;
  const others = widths.slice(0, -1).reduce((sum, width) => sum + width, borders);
  if (others + (widths.at(-1) ?? 0) <= WIDTH_MAX) return {};
  const last = Math.max(10, WIDTH_MAX - others);
  const longestWord = Math.max(
    ...lines.flatMap((line) => (line[columns - 1] ?? '').split(' ').map(widthOf)),
  );
  return {
    colWidths: [...widths.slice(0, -1), last],
    wordWrap: true,
    wrapOnWordBoundary: longestWord <= last - PADDING,
  };
}

/** Returns the width of the text alone, without its colour codes. */
function widthOf(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}
