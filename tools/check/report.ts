// The findings of kv-check in words: one line for each place on stdout, the summary and the next step on stderr. With
// --json everything is one object on stdout.

import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { jsonLine, printable, quotedKey } from '../../src/printable.js';
import type { Finding } from '../../src/log/damage/verification.js';
import type { CheckReport } from '../../src/offline/check.js';
import type { SnapshotState } from '../../src/store/snapshot-file/state.js';
import { writeAll } from '../terminal/output.js';
import { countOf, formatBytes, formatCount } from '../terminal/quantity.js';

/** Prints the report and returns the exit code of the tool. */
export async function printReport(
  dir: string,
  report: CheckReport,
  asJson: boolean,
): Promise<ExitCode> {
  const code = exitCodeFor(report);
  if (asJson) {
    await writeAll(process.stdout, `${jsonLine(jsonOf(report, code))}\n`);
    return code;
  }
  for (const finding of report.findings)
    await writeAll(process.stdout, `${printable(lineOf(finding))}\n`);
  for (const line of summaryOf(report)) process.stderr.write(`${printable(line)}\n`);
  process.stderr.write(`${printable(verdictOf(dir, report, code))}\n`);
  return code;
}

function exitCodeFor({ findings, hints, image, leftovers, snapshot }: CheckReport): ExitCode {
  if (findings.some(({ isDamage }) => isDamage)) return EXIT.damage;
  const isUntidy = findings.length + hints.unusable.length + leftovers.length > 0;
  const isUnusable = image === 'unusable' || snapshot.state === 'damaged';
  return isUntidy || isUnusable ? EXIT.mendable : EXIT.ok;
}

/** Returns a line like `data/0000000003-0000.seg@40960+72: frame: checksum; key "user:17"`. */
export function lineOf({ path, offset, bytes, what, key }: Finding): string {
  const place = bytes === undefined ? `@${offset}` : `@${offset}+${bytes}`;
  const about = key === undefined || key.length === 0 ? '' : `; key ${quotedKey(key)}`;
  return `${path}${place}: ${what}${about}`;
}

function summaryOf(report: CheckReport): string[] {
  const { segments, frames, largeValues, bytes, keys, seq, hints, leftovers } = report;
  const checked = [countOf(segments, 'segment'), countOf(frames, 'frame')];
  if (largeValues > 0) checked.push(countOf(largeValues, 'large value'));
  checked.push(formatBytes(bytes));
  const state = keys === undefined ? '' : `; ${countOf(keys, 'key')} at seq ${seq}`;
  return [
    `checked: ${checked.join(', ')}${state}`,
    `hints: ${formatCount(hints.good)} good, ${formatCount(hints.missing)} missing${listed(hints.unusable, 'not usable')}`,
    `image of the keydir: ${report.image === 'unusable' ? 'not usable' : report.image}`,
    `snapshot: ${snapshotLine(report.snapshot)}`,
    ...(leftovers.length === 0 ? [] : [`leftovers: ${leftovers.join(', ')}`]),
  ];
}

function listed(names: readonly string[], what: string): string {
  return names.length === 0 ? '' : `, ${formatCount(names.length)} ${what}: ${names.join(', ')}`;
}

function snapshotLine(snapshot: SnapshotState): string {
  if (snapshot.state === 'none') return 'none';
  if (snapshot.state === 'damaged') return snapshot.what;
  const { keys, seq, createdAt = 0 } = snapshot;
  return `good, ${countOf(keys, 'key')} at seq ${seq}, of ${new Date(createdAt).toISOString()}`;
}

function verdictOf(dir: string, { findings }: CheckReport, code: ExitCode): string {
  if (code === EXIT.ok) return 'no damage';
  if (code === EXIT.mendable) return 'no damage; the next start mends what is listed above';
  const damage = findings.filter(({ isDamage }) => isDamage).length;
  const places = damage === 1 ? '1 place is damaged' : `${formatCount(damage)} places are damaged`;
  return `${places}. What can be saved and what is lost: kv-check ${dir} --repair --dry-run`;
}

function jsonOf(report: CheckReport, code: ExitCode): object {
  const { findings, snapshot, ...rest } = report;
  return {
    verdict: code === EXIT.ok ? 'clean' : code === EXIT.mendable ? 'mendable' : 'damaged',
    findings: findings.map(({ key, ...finding }) => ({ ...finding, key: key?.toString('utf8') })),
    snapshot,
    ...rest,
  };
}
