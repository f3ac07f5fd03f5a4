// The output of a run: tables on the terminal, JSON with everything, CSV in redis-benchmark's columns.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Table from 'cli-table3';
import pc from 'picocolors';
import { chartSvg } from './chart.js';
import { COLUMNS, METRICS, type CaseReport, type Comparison, type Metric } from './rounds.js';

export interface RunReport {
  readonly startedAt: string;
  readonly isQuick: boolean;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly cases: readonly CaseReport[];
}

const DIGITS: Readonly<Partial<Record<Metric, number>>> = {
  rps: 0,
  misses: 0,
  errors: 0,
  cpuUs: 1,
};
const HEADINGS: Readonly<Record<Metric, string>> = {
  rps: 'rps',
  avgMs: 'avg ms',
  minMs: 'min',
  p50Ms: 'p50',
  p95Ms: 'p95',
  p99Ms: 'p99',
  maxMs: 'max',
  p999Ms: 'p99.9',
  cpuUs: 'CPU µs',
  userUs: 'user µs',
  generatorBusy: 'gen. busy',
  lateMs: 'gen. late p99',
  latestMs: 'max',
  misses: 'misses',
  errors: 'errors',
  value: 'value',
};

function figure(metric: Metric, value: number | undefined): string {
  if (value === undefined) return '';
  return value.toFixed(DIGITS[metric] ?? (value < 10 ? 3 : 1));
}

function targetOf({ atLeast, atMost }: Comparison): string {
  if (atLeast !== undefined) return `≥ ${atLeast}`;
  return atMost === undefined ? '' : `≤ ${atMost}`;
}

function verdictOf({ met }: Comparison): string {
  if (met === undefined) return '';
  return met ? pc.green('met') : pc.red('missed');
}

const BARE_STYLE = { head: [], border: [], compact: true };

/** Tables have only the columns that some row has. */
export function caseTables(report: CaseReport): string {
  const used = METRICS.filter((metric) =>
    report.rows.some(({ sample }) => {
      const isCount = metric === 'misses' || metric === 'errors';
      return isCount ? (sample[metric] ?? 0) > 0 : sample[metric] !== undefined;
    }),
  );
  const figures = new Table({
    head: ['server', ...used.map((metric) => HEADINGS[metric]), ''],
    style: BARE_STYLE,
    colAligns: ['left', ...used.map(() => 'right' as const), 'left'],
  });
  for (const { server, sample, unit, note } of report.rows) {
    const last = note ?? unit ?? '';
    figures.push([server, ...used.map((metric) => figure(metric, sample[metric])), last]);
  }
  const ratios = new Table({
    head: ['ratio', 'median', 'rounds', 'target', ''],
    style: BARE_STYLE,
  });
  for (const comparison of report.comparisons) {
    const against = [comparison.against].flat().join(' + ');
    ratios.push([
      `${COLUMNS[comparison.metric]}: ${comparison.server} / ${against}`,
      Number.isNaN(comparison.median) ? '-' : comparison.median.toFixed(2),
      comparison.ratios.map((ratio) => ratio.toFixed(2)).join(' '),
      targetOf(comparison),
      verdictOf(comparison),
    ]);
  }
  const heading = pc.bold(`${report.title} (${report.name}, ${report.seconds.toFixed(0)} s)`);
  if (report.failure !== undefined) return `\n${heading}\n${pc.red(report.failure)}\n`;
  const second = report.comparisons.length > 0 ? `${ratios.toString()}\n` : '';
  return `\n${heading}\n${figures.toString()}\n${second}`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** Returns redis-benchmark's `--csv` columns first, by its names, so that the files can be compared. */
export function csvOf(reports: readonly CaseReport[]): string {
  const head = ['test', 'server', ...Object.values(COLUMNS), 'unit', 'note'];
  const lines = reports.flatMap(({ rows }) =>
    rows.map(({ test, server, sample, unit, note }) => [
      test,
      server,
      ...METRICS.map((metric) => figure(metric, sample[metric])),
      unit ?? '',
      note ?? '',
    ]),
  );
  return [head, ...lines].map((cells) => cells.map(quoted).join(',')).join('\n') + '\n';
}

/** Writes results.json, results.csv and chart.svg; returns their paths. */
export function writeResults(dir: string, report: RunReport): readonly string[] {
  const files = {
    'results.json': `${JSON.stringify(report, undefined, 2)}\n`,
    'results.csv': csvOf(report.cases),
    'chart.svg': chartSvg(report.cases),
  };
  return Object.entries(files).map(([name, content]) => {
    const path = join(dir, name);
    writeFileSync(path, content);
    return path;
  });
}
