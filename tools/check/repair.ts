// `kv-check --repair`: saves what is left of a damaged store into a new directory, and prints each loss with its
// place on stdout. The damaged directory is only read; its lock keeps servers away meanwhile.

import { join } from 'node:path';

import type { Env, Lock } from '../../src/env/env.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { LOCK_NAME } from '../../src/log/bytes/file-names.js';
import { checkStore } from '../../src/offline/check.js';
import { jsonLine, printable, quotedKey } from '../../src/printable.js';
import type { Fate, Loss } from '../../src/offline/losses.js';
import type { Finding } from '../../src/log/damage/verification.js';
import { Repair, type RepairReport } from '../../src/offline/repair.js';
import { requireStore } from '../../src/offline/store-reader.js';
import { writeAll } from '../terminal/output.js';
import { ToolError } from '../terminal/program.js';
import { emptyTarget, writeNewStore } from '../terminal/new-store.js';
import { startProgress } from '../terminal/progress.js';
import { countOf, formatBytes } from '../terminal/quantity.js';
import { lineOf } from './report.js';

export interface RepairOptions {
  readonly to: string | undefined;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** Returns 0 when nothing is lost, otherwise 65. */
export async function repair(env: Env, dir: string, options: RepairOptions): Promise<ExitCode> {
  const target = options.dryRun ? undefined : await targetOf(env, dir, options.to);
  const lock = await lockSource(env, dir);
  try {
    const plan = await planned(env, dir);
    try {
      const { report } = plan;
      if (target !== undefined)
        await writeNewStore(env, target, (folder) => write(env, plan, folder));
      const code = isLossless(report) ? EXIT.ok : EXIT.damage;
      if (options.json) await printJson(report, target, code);
      else await print(dir, report, target);
      return code;
    } finally {
      await plan.close();
    }
  } finally {
    await lock.release();
  }
}

async function planned(env: Env, dir: string): Promise<Repair> {
  const progress = await startProgress('reading', 'bytes', 0);
  try {
    return await Repair.plan(env, dir, (bytes) => {
      progress.total(bytes);
      progress.at(bytes);
    });
  } finally {
    progress.stop();
  }
}

/** Writes the new store. */
async function write(env: Env, plan: Repair, folder: string): Promise<void> {
  const progress = await startProgress('saving', 'keys', plan.report.keys);
  try {
    await plan.write(folder, (keys) => progress.at(keys));
  } finally {
    progress.stop();
  }
  await requireWhole(env, folder);
}

/** Reads the new store back to its last byte. */
async function requireWhole(env: Env, folder: string): Promise<void> {
  const checked = await checkStore(env, folder, { isServed: false, onProgress: () => undefined });
  if (checked.findings.length === 0) return;
  const places = checked.findings.map(lineOf).join('; ');
  throw new ToolError(EXIT.io, `The new store is not what was written, do not use it: ${places}`);
}

async function targetOf(env: Env, dir: string, to: string | undefined): Promise<string> {
  if (to !== undefined) return emptyTarget(env, dir, to);
  const message = '--repair needs --to <newdir>, or --dry-run to see what it would do';
  throw new ToolError(EXIT.usage, message);
}

/** Creates no lock file, because the directory is only read and may be read-only. */
async function lockSource(env: Env, dir: string): Promise<Lock> {
  await requireStore(env, dir);
  return env.fs.lock(join(dir, LOCK_NAME), 'existing');
}

function isLossless({ losses }: RepairReport): boolean {
  return losses.length === 0;
}

const FATES: Readonly<Record<Fate, string>> = {
  lost: 'lost',
  stale: 'may be stale, an older value is kept',
  back: 'may be back, it seems to have been deleted',
  expiry: 'may have an older expiry',
  overwritten: 'written again later, so nothing should be lost',
};

/** Returns a line like `lost: key "user:17" (data/0000000003-0000.seg@40960+152)`. */
function lossLine({ path, offset, bytes, key, fate, isCertain, what }: Loss): string {
  const place = bytes === undefined ? path : `${path}@${offset}+${bytes}`;
  if (key === undefined || fate === undefined) return `unknown: ${what} (${place})`;
  const guess = isCertain ? '' : '; the key as far as its bytes can be read';
  return `${FATES[fate]}: key ${quotedKey(key)} (${place})${guess}`;
}

async function print(dir: string, report: RepairReport, target: string | undefined): Promise<void> {
  const { findings, losses, keys, largeValues, lastSeq, tornBytes } = report;
  for (const finding of findings) process.stderr.write(`${printable(lineOf(finding))}\n`);
  for (const loss of losses) await writeAll(process.stdout, `${printable(lossLine(loss))}\n`);
  const large = largeValues === 0 ? '' : `, ${countOf(largeValues, 'large value')} among them`;
  const torn = tornBytes === 0 ? '' : `; ${formatBytes(tornBytes)} of a torn tail cut off`;
  const saved = target === undefined ? 'can be saved' : `saved in ${target}`;
  const lost = losses.length === 0 ? 'nothing is lost' : `${countOf(losses.length, 'loss')} listed`;
  const next =
    target === undefined
      ? `Nothing was written. To do it: kv-check ${dir} --repair --to <newdir>`
      : `Read back and found whole. Next: kv-server --data ${target}, and keep ${dir} until you know that nothing in it is missed`;
  process.stderr.write(
    `${countOf(keys, 'key')}${large} at seq ${lastSeq} ${saved}${torn}; ${lost}\n${next}\n`,
  );
}

async function printJson(
  { findings, losses, ...figures }: RepairReport,
  target: string | undefined,
  code: ExitCode,
): Promise<void> {
  const object = {
    verdict: code === EXIT.ok ? 'lossless' : 'lossy',
    ...figures,
    writtenTo: target,
    findings: findings.map(withTextKey),
    losses: losses.map(withTextKey),
  };
  await writeAll(process.stdout, `${jsonLine(object)}\n`);
}

function withTextKey({ key, ...rest }: Finding | Loss): object {
  return { ...rest, key: key?.toString('utf8') };
}
