// One chart: lines over the last ten minutes. Its legend shows the newest values, or the values below the pointer.

import type { Sample } from '../wire.js';
import { make } from './elements.js';
import { colourOf } from './theme.js';
import uPlot from './uplot.js';

const HEIGHT = 132;
const WINDOW_SECONDS = 600;
const WINDOW_SECONDS_MIN = 60;
/** A gap of this length between samples means that nobody watched. */
const GAP_MS = 3500;

interface ChartLine {
  readonly label: string;
  /** A colour of page.css, by its name. */
  readonly colour: string;
  /** Returns undefined when there was nothing to measure. */
  readonly valueOf: (sample: Sample) => number | undefined;
  readonly isFilled?: boolean;
}

export interface ChartPlan {
  readonly title: string;
  readonly lines: readonly ChartLine[];
  readonly format: (value: number) => string;
  /**
   * `zero` goes from 0 to the largest value, `bytes` as well in powers of two, `share` from 0 to 1, and `log` in
   * powers of ten.
   */
  readonly scale: 'zero' | 'bytes' | 'share' | 'log';
}

export class Chart {
  readonly element = make('figure', { class: 'panel chart' });
  readonly #plan: ChartPlan;
  readonly #place = make('div', { class: 'plot' });
  readonly #values: readonly HTMLElement[];
  #plot: uPlot | undefined;
  #data: uPlot.AlignedData = [[]];

  constructor(plan: ChartPlan) {
    this.#plan = plan;
    this.#values = plan.lines.map(() => make('span', { class: 'value' }, '–'));
    const legend = plan.lines.map(({ label, colour }, at) =>
      make('li', { class: `line-${colour}` }, make('span', {}, label), this.#values[at]!),
    );
    const caption = make('figcaption', {}, make('h3', {}, plan.title));
    caption.append(make('ul', { class: 'legend' }, ...legend));
    this.element.append(caption, this.#place);
    new ResizeObserver(() => this.#resize()).observe(this.#place);
  }

  show(samples: readonly Sample[]): void {
    this.#data = columnsOf(samples, this.#plan.lines);
    if (this.#plot === undefined) this.recolour();
    else this.#plot.setData(this.#data);
    this.#tell(this.#plot?.cursor.idx ?? null);
  }

  /** Draws the chart again in the present colours. */
  recolour(): void {
    const width = this.#place.clientWidth;
    if (width === 0) return;
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(width), this.#data, this.#place);
  }

  #resize(): void {
    if (this.#plot === undefined) this.recolour();
    else this.#plot.setSize({ width: this.#place.clientWidth, height: HEIGHT });
  }

  /** Shows the values at that place, or the newest when it is null. */
  #tell(index: number | null): void {
    const at = index ?? this.#data[0].length - 1;
    for (const [line, element] of this.#values.entries()) {
      const value = this.#data[line + 1]?.[at];
      element.textContent = typeof value === 'number' ? this.#plan.format(value) : '–';
    }
  }

  #options(width: number): uPlot.Options {
    const { lines, format, scale } = this.#plan;
    const [stroke, grid] = [colourOf('text-soft'), colourOf('line')];
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    const values = (_: uPlot, splits: (number | null)[]): string[] =>
      splits.map((split) => (split === null ? '' : format(split).replace(/\.0+ /, ' ')));
    return {
      width,
      height: HEIGHT,
      padding: [8, 6, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 5 } },
      scales: { x: { range: windowOf }, y: scaleOf(scale) },
      axes: [
        { ...axis, size: 22, values: timesOf, space: 64, incrs: [5, 10, 30, 60, 120, 300] },
        { ...axis, size: 58, values, space: 26, ...stepsOf(scale, axis.grid) },
      ],
      series: [
        {},
        ...lines.map(({ label, colour, isFilled }) => ({
          label,
          stroke: colourOf(colour),
          width: 1.5,
          points: { show: false },
          ...(isFilled === true ? { fill: colourOf(`${colour}-soft`) } : {}),
        })),
      ],
      hooks: { setCursor: [(plot) => this.#tell(plot.cursor.idx ?? null)] },
    };
  }
}

/** Returns the times in seconds and a column for each line, with holes where nobody watched. */
function columnsOf(samples: readonly Sample[], lines: readonly ChartLine[]): uPlot.AlignedData {
  const times: number[] = [];
  const columns: (number | null)[][] = lines.map(() => []);
  let before = Number.POSITIVE_INFINITY;
  for (const sample of samples) {
    if (sample.at - before > GAP_MS) {
      times.push((before + 1) / 1000);
      for (const column of columns) column.push(null);
    }
    before = sample.at;
    times.push(sample.at / 1000);
    for (const [at, line] of lines.entries()) columns[at]!.push(line.valueOf(sample) ?? null);
  }
  return [times, ...columns];
}

/** Times of the axis, with seconds when the lines are less than a minute apart. */
function timesOf(_: uPlot, seconds: number[], __: number, ___: number, step: number): string[] {
  const parts = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
  const format = step < 60 ? { ...parts, second: '2-digit' as const } : parts;
  return seconds.map((each) => new Date(each * 1000).toLocaleTimeString('en', format));
}

function windowOf(_: uPlot, first: number, last: number): uPlot.Range.MinMax {
  const from = Math.min(first, last - WINDOW_SECONDS_MIN);
  return [Math.max(from, last - WINDOW_SECONDS), last];
}

function scaleOf(scale: ChartPlan['scale']): uPlot.Scale {
  if (scale === 'share') return { range: [0, 1] };
  if (scale !== 'log') return { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] };
  return {
    distr: 3,
    range: (_, least, most) => {
      if (!(least > 0)) return [0.01, 10];
      const from = 10 ** Math.floor(Math.log10(least));
      return [from, Math.max(10 ** Math.ceil(Math.log10(most)), from * 10)];
    },
  };
}

const POWERS_OF_TWO = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** Returns the places at which the axis of values has its lines. */
function stepsOf(scale: ChartPlan['scale'], grid: uPlot.Axis.Grid): Partial<uPlot.Axis> {
  if (scale === 'bytes') return { incrs: POWERS_OF_TWO };
  if (scale !== 'log') return {};
  const filter = powersOfTen;
  return { filter, grid: { ...grid, filter } };
}

function powersOfTen(_: uPlot, splits: number[]): (number | null)[] {
  return splits.map((split) => {
    const power = Math.round(Math.log10(split) * 1e6) / 1e6;
    return Number.isInteger(power) ? split : null;
  });
}
