// A bar chart of a run as SVG: a group of bars for each test, in requests per second, with a scale for each group.

import type { CaseReport, Row } from './rounds.js';

const WIDTH = 900;
const LABEL_WIDTH = 190;
const BAR_HEIGHT = 16;
const GAP = 26;
const COLOURS: Readonly<Record<string, string>> = { cairn: '#d9480f', 'bare server': '#adb5bd' };
const OTHER_COLOUR = '#4c6ef5';

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function text(x: number, y: number, content: string, extra = ''): string {
  return `<text x="${x}" y="${y}" ${extra}>${escaped(content)}</text>`;
}

function bar(row: Row, y: number, most: number): string {
  const figure = row.sample.rps ?? row.sample.value ?? 0;
  const width = most === 0 ? 0 : Math.round((figure / most) * (WIDTH - LABEL_WIDTH - 200));
  const colour = COLOURS[row.server] ?? OTHER_COLOUR;
  const unit = row.sample.rps === undefined ? (row.unit ?? '') : 'requests/s';
  const label = row.note ?? `${figure >= 100 ? Math.round(figure) : figure.toFixed(2)} ${unit}`;
  return [
    text(LABEL_WIDTH - 8, y + 12, row.server, 'text-anchor="end"'),
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR_HEIGHT - 3}" fill="${colour}"/>`,
    text(LABEL_WIDTH + width + 6, y + 12, label),
  ].join('');
}

/** Returns one image for the whole run. */
export function chartSvg(reports: readonly CaseReport[]): string {
  const parts: string[] = [];
  let y = 20;
  for (const { title, rows } of reports) {
    const most = Math.max(0, ...rows.map(({ sample }) => sample.rps ?? sample.value ?? 0));
    parts.push(text(10, y + 12, title, 'font-weight="bold"'));
    y += BAR_HEIGHT + 6;
    for (const row of rows) {
      parts.push(bar(row, y, most));
      y += BAR_HEIGHT;
    }
    y += GAP;
  }
  const size = `width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}"`;
  const style = 'font-family="sans-serif" font-size="12"';
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${style}>\n<rect width="${WIDTH}" height="${y}" fill="white"/>\n${parts.join('\n')}\n</svg>\n`;
}
