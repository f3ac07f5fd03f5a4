// The overview: figures of the last second, charts of the last ten minutes, latencies by command.

import type { CommandSample, Sample } from '../wire.js';
import { Chart, type ChartPlan } from './chart.js';
import { byId, make, numberCell, within } from './elements.js';
import { bytesText, countText, msText, rateText, shareText } from './format.js';

const SAMPLES_MAX = 600;

const all = ({ commands }: Sample): CommandSample | undefined =>
  commands.find(({ command }) => command === 'all');
const rateOf =
  (...names: readonly string[]) =>
  ({ commands }: Sample): number =>
    commands
      .filter(({ command }) => names.includes(command))
      .reduce((sum, { perSecond }) => sum + perSecond, 0);
const diskOf = ({ disk }: Sample): number => disk.segments + disk.large + disk.history;

const READS = ['get', 'gat'];
const CHARTS: readonly ChartPlan[] = [
  {
    title: 'Requests per second',
    scale: 'zero',
    format: rateText,
    lines: [
      {
        label: 'all',
        colour: 'c1',
        valueOf: (sample) => all(sample)?.perSecond ?? 0,
        isFilled: true,
      },
      { label: 'reads', colour: 'c2', valueOf: rateOf(...READS) },
    ],
  },
  {
    title: 'Latency, all commands',
    scale: 'log',
    format: msText,
    lines: [
      { label: 'p50', colour: 'c2', valueOf: (sample) => all(sample)?.p50 },
      { label: 'p99', colour: 'c1', valueOf: (sample) => all(sample)?.p99 },
      { label: 'p99.9', colour: 'c3', valueOf: (sample) => all(sample)?.p999 },
    ],
  },
  {
    title: 'Hit rate',
    scale: 'share',
    format: shareText,
    lines: [{ label: 'hits', colour: 'c2', valueOf: ({ hitShare }) => hitShare, isFilled: true }],
  },
  {
    title: 'Commits per second',
    scale: 'zero',
    format: rateText,
    lines: [
      { label: 'commits', colour: 'c1', valueOf: ({ commits }) => commits, isFilled: true },
      { label: 'records', colour: 'c3', valueOf: ({ records }) => records },
    ],
  },
  {
    title: 'Memory',
    scale: 'bytes',
    format: bytesText,
    lines: [
      { label: 'process', colour: 'c1', valueOf: ({ memory }) => memory.resident, isFilled: true },
      { label: 'hot values', colour: 'c2', valueOf: ({ memory }) => memory.cache },
      { label: 'keys', colour: 'c3', valueOf: ({ memory }) => memory.keydir },
    ],
  },
  {
    title: 'Disk',
    scale: 'bytes',
    format: bytesText,
    lines: [
      { label: 'all', colour: 'c1', valueOf: diskOf, isFilled: true },
      { label: 'live', colour: 'c2', valueOf: ({ disk }) => disk.live },
      { label: 'dead', colour: 'c3', valueOf: ({ disk }) => disk.dead },
    ],
  },
];

type Tile = readonly [
  name: string,
  text: (sample: Sample) => string,
  note: (sample: Sample) => string,
];

const orNone = (value: number | undefined, text: (value: number) => string): string =>
  value === undefined ? '–' : text(value);

const TILES: readonly Tile[] = [
  [
    'Requests',
    (sample) => `${rateText(all(sample)?.perSecond ?? 0)} /s`,
    ({ received, sent }) => `in ${bytesText(received)}/s, out ${bytesText(sent)}/s`,
  ],
  [
    'Latency p99',
    (sample) => orNone(all(sample)?.p99, msText),
    (sample) => `p50 ${orNone(all(sample)?.p50, msText)}`,
  ],
  ['Hit rate', ({ hitShare }) => orNone(hitShare, shareText), () => 'of keys asked for'],
  [
    'Commits',
    ({ commits }) => `${rateText(commits)} /s`,
    ({ commitP99 }) => `p99 ${orNone(commitP99, msText)}`,
  ],
  ['Items', ({ items }) => countText(items), ({ disk }) => `${bytesText(disk.live)} live`],
  ['Disk', (sample) => bytesText(diskOf(sample)), ({ disk }) => `${bytesText(disk.dead)} dead`],
  [
    'Memory',
    ({ memory }) => bytesText(memory.resident),
    ({ memory }) => `heap ${bytesText(memory.heap)}`,
  ],
  [
    'Connections',
    ({ connections }) => countText(connections),
    ({ loopDelay }) => `loop late by ${orNone(loopDelay, msText)}`,
  ],
];

export class Overview {
  readonly #charts = CHARTS.map((plan) => new Chart(plan));
  readonly #tiles: readonly (readonly [HTMLElement, HTMLElement])[];
  readonly #latencies = within(document, '#latencies tbody', HTMLTableSectionElement);
  readonly #lastOf = new Map<string, CommandSample>();
  #samples: Sample[] = [];

  constructor() {
    byId('charts', HTMLElement).append(...this.#charts.map(({ element }) => element));
    const list = byId('tiles', HTMLElement);
    this.#tiles = TILES.map(([name]) => {
      const [text, note] = [
        make('span', { class: 'figure' }, '–'),
        make('span', { class: 'note' }),
      ];
      list.append(make('div', { class: 'tile' }, make('dt', {}, name), make('dd', {}, text, note)));
      return [text, note];
    });
  }

  /** Shows all samples that the server has kept. */
  begin(samples: readonly Sample[]): void {
    this.#samples = [...samples];
    for (const sample of samples) this.#note(sample);
    this.#show();
  }

  add(sample: Sample): void {
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    this.#note(sample);
    this.#show();
  }

  recolour(): void {
    for (const chart of this.#charts) chart.recolour();
  }

  #note(sample: Sample): void {
    for (const each of sample.commands) this.#lastOf.set(each.command, each);
  }

  #show(): void {
    const sample = this.#samples.at(-1);
    if (sample === undefined) return;
    for (const [at, [, textOf, noteOf]] of TILES.entries()) {
      const [text, note] = this.#tiles[at]!;
      text.textContent = textOf(sample);
      note.textContent = noteOf(sample);
    }
    for (const chart of this.#charts) chart.show(this.#samples);
    this.#showLatencies(sample);
  }

  #showLatencies({ commands }: Sample): void {
    const rows = [...this.#lastOf.values()].map((each) => {
      const isNow = commands.includes(each);
      const row = make('tr', isNow ? {} : { class: 'past' });
      row.append(
        make('th', { scope: 'row' }, each.command),
        numberCell(isNow ? rateText(each.perSecond) : '0'),
        ...[each.p50, each.p99, each.p999].map((ms) => numberCell(msText(ms))),
      );
      return row;
    });
    const none = make('tr', {}, make('td', { colspan: '5', class: 'note' }, 'No requests yet'));
    this.#latencies.replaceChildren(...(rows.length === 0 ? [none] : rows));
  }
}
