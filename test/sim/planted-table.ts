// Writes the table of planted bugs in docs/reliability.md, between its two marks.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DOCUMENT = join(import.meta.dirname, '../../../docs/reliability.md');
const BEGIN = '<!-- planted bugs: written by npm run sim -- --planted -->';
const END = '<!-- end of the planted bugs -->';

export function writePlantedBugs(rows: readonly string[]): void {
  const before = readFileSync(DOCUMENT, 'utf8');
  const [head, rest] = before.split(BEGIN);
  const tail = rest?.split(END)[1];
  if (head === undefined || tail === undefined) {
    throw new Error(`${DOCUMENT}: the lines that mark the planted bugs are gone`);
  }
  const table = ['| planted bug | found by | runs needed |', '| --- | --- | ---: |', ...rows];
  writeFileSync(DOCUMENT, `${head}${BEGIN}\n\n${table.join('\n')}\n\n${END}${tail}`);
}
