// `kv-dump --verify`: every damaged place with its file and offset on stdout, one a line; a summary on
// stderr. What a second look at a running server's directory does not confirm was the server at work.

import type { Env } from '../../src/env/env.js';
import { isKvError } from '../../src/errors.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { verifyLog, type Finding, type Verification } from '../../src/log/verification.js';
import { requireManifest, StoreReader } from '../../src/store/store-reader.js';
import { writeAll } from '../terminal/output.js';
import { startProgress } from '../terminal/progress.js';
import { countOf, formatBytes, formatCount } from '../terminal/quantity.js';

/** Prints and returns 65 when anything is damaged, else 0. */
export async function printFindings(env: Env, dir: string): Promise<ExitCode> {
  const first = await look(env, dir);
  const damaged = first.findings.some(({ isDamage }) => isDamage);
  const confirmed = damaged ? agreed(first, await look(env, dir)) : first.findings;
  for (const { path, offset, what } of confirmed) {
    await writeAll(process.stdout, `${path}@${offset}: ${what}\n`);
  }
  const damage = confirmed.filter(({ isDamage }) => isDamage).length;
  const { segments, frames, bytes } = first;
  const checked =
    `${countOf(segments, 'segment')}, ${countOf(frames, 'frame')}, ` +
    `${formatBytes(bytes)} checked`;
  const places = damage === 1 ? '1 place is damaged' : `${formatCount(damage)} places are damaged`;
  process.stderr.write(`${checked}: ${damage === 0 ? 'no damage' : places}\n`);
  return damage === 0 ? EXIT.ok : EXIT.damage;
}

async function look(env: Env, dir: string): Promise<Verification> {
  const manifest = await requireManifest(env, dir);
  const known = manifest.segments.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  const progress = await startProgress('checking', 'bytes', known);
  try {
    const found = await verifyLog(env.fs, dir, manifest, (bytes) => {
      if (bytes > known) progress.total(bytes);
      progress.at(bytes);
    });
    if (found.findings.some(({ isDamage }) => isDamage)) return found;
    return { ...found, findings: [...found.findings, ...(await replayProblem(env, dir))] };
  } finally {
    progress.stop();
  }
}

/** What only a replay shows: segments that do not fit together, a missing file of a large value. */
async function replayProblem(env: Env, dir: string): Promise<Finding[]> {
  try {
    await (await StoreReader.open(env, dir)).close();
    return [];
  } catch (error: unknown) {
    if (!isKvError(error, 'KV_CORRUPTION')) throw error;
    const { path = dir, offset = 0, message } = error;
    return [{ path, offset, what: message, isDamage: true }];
  }
}

function agreed(first: Verification, second: Verification): Finding[] {
  const again = new Set(second.findings.map(identity));
  return first.findings.filter((finding) => again.has(identity(finding)));
}

function identity({ path, offset }: Finding): string {
  return `${path}@${offset}`;
}
