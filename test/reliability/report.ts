// `npm run reliability`: tries every row of the fault matrix and writes the table in docs/reliability.md, with the seed and
// the commit that it was made from. The exit code is 1 when a requirement was broken.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { tryRow, type Budget, type FaultRow, type Skipped, type Tried } from './row.js';
import { FAULT_ROWS } from './rows.js';

const HELP = `npm run reliability -- [options]

  --long        the long tier: minutes a row instead of seconds
  --row NAME    only this row (repeat); the document is left as it is
  --only PART   only a part of a row, as its failures name it
  --seed S      the seed of everything random (default: drawn and printed)
  --list        the rows and what they require
  --no-write    print the table only`;

const DOCUMENT = join(import.meta.dirname, '../../../docs/reliability.md');
const BEGIN = '<!-- fault matrix: written by npm run reliability -->';
const END = '<!-- end of the fault matrix -->';

interface Result {
  readonly row: FaultRow;
  readonly outcome: Tried | Skipped;
  readonly seconds: number;
}

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    long: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    write: { type: 'boolean', default: true },
    row: { type: 'string', multiple: true },
    only: { type: 'string' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000_000)) },
  },
  allowNegative: true,
});

// The exit of this process ends and unmounts what rows started and mounted, so Ctrl-C has to be an exit.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

if (values.help) console.log(HELP);
else if (values.list) for (const row of FAULT_ROWS) console.log(`${row.name}: ${row.required}`);
else await report();

async function report(): Promise<void> {
  const tier = values.long ? 'long' : 'fast';
  const budget: Budget = { tier, seed: Number(values.seed), only: values.only };
  const wanted = values.row;
  const rows = FAULT_ROWS.filter(({ name }) => wanted === undefined || wanted.includes(name));
  console.log(`seed ${budget.seed}, ${budget.tier} tier, ${rows.length} rows`);
  const results: Result[] = [];
  for (const row of rows) {
    const startedMs = performance.now();
    const outcome = await tryRow(row, budget);
    const seconds = (performance.now() - startedMs) / 1000;
    results.push({ row, outcome, seconds });
    console.log(progressLine({ row, outcome, seconds }));
  }
  const broken = results.flatMap(({ outcome }) => ('needs' in outcome ? [] : outcome.failures));
  if (values.write && wanted === undefined) writeTable(table(results, budget));
  process.exitCode = broken.length === 0 && rows.length > 0 ? 0 : 1;
}

function progressLine({ row, outcome, seconds }: Result): string {
  if ('needs' in outcome) return `${row.name}: skipped: needs ${outcome.needs}`;
  const failed = outcome.failures.map((line) => `\n    FAILED ${line}`).join('');
  const took = `${seconds.toFixed(1)} s`;
  return `${row.name}: ${outcome.tried} tried, ${outcome.failures.length} failed, ${took}; ${outcome.figure}${failed}`;
}

function table(results: readonly Result[], { seed, tier }: Budget): string {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const skipped = results.filter(({ outcome }) => 'needs' in outcome).length;
  const rows = results.map(({ row, outcome }) => {
    const cells =
      'needs' in outcome
        ? ['–', '–', `skipped: needs ${outcome.needs}`]
        : [
            outcome.tried.toLocaleString('en'),
            String(outcome.failures.length),
            outcome.figure.replaceAll('|', '\\|'),
          ];
    return `| ${[`**${row.name}**: ${row.fault}`, row.required, row.injection, ...cells].join(' | ')} |`;
  });
  return [
    `Seed ${seed}, commit ${commit}, ${tier} tier, ${results.length} rows, ${skipped} skipped:`,
    '',
    '| fault | required | injected by | tried | failed | measured |',
    '| --- | --- | --- | ---: | ---: | --- |',
    ...rows,
  ].join('\n');
}

function writeTable(lines: string): void {
  const before = readFileSync(DOCUMENT, 'utf8');
  const [head, rest] = before.split(BEGIN);
  const tail = rest?.split(END)[1];
  if (head === undefined || tail === undefined)
    throw new Error(`${DOCUMENT}: the lines that mark the fault matrix are gone`);
  writeFileSync(DOCUMENT, `${head}${BEGIN}\n\n${lines}\n\n${END}${tail}`);
}
