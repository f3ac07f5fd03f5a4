// The manifest of a directory, or what stands in for one that is damaged or gone, so that the rest can be
// looked at all the same (docs/recovery.md).

import { join } from 'node:path';

import type { Env } from '../env/env.js';
import { isKvError, type KvError } from '../errors.js';
import { MANIFEST_NAME } from '../log/bytes/file-names.js';
import type { Manifest } from '../log/bytes/manifest.js';
import { readManifest } from '../log/segments/manifest-file.js';
import { findStrayLog } from '../log/damage/stray-segments.js';
import type { Finding } from '../log/damage/verification.js';

/** The manifest, or one made of what lies there, and what is wrong with that. */
export async function readManifestOrStandIn(
  env: Env,
  dir: string,
): Promise<{ readonly manifest: Manifest; readonly findings: Finding[] }> {
  const path = join(dir, MANIFEST_NAME);
  let what = 'there are segments but no manifest';
  try {
    const manifest = await readManifest(env.fs, dir);
    if (manifest !== undefined) return { manifest, findings: [] };
  } catch (error: unknown) {
    if (!isKvError(error, 'KV_CORRUPTION')) throw error;
    what = plain(error);
  }
  const stray = await findStrayLog(env.fs, dir);
  const findings = [wholeFile(path, what)];
  for (const each of stray.unreadable) {
    findings.push(wholeFile(each, 'no segment of this store, as far as its header can be read'));
  }
  return { manifest: stray.manifest, findings };
}

/** Damage that has no place of its own in a file. */
export function wholeFile(path: string, what: string): Finding {
  return { path, offset: 0, bytes: undefined, what, isDamage: true, key: undefined };
}

/** The message without its place. */
export function plain(error: KvError): string {
  return error.message.replace(/ \([^()]*\)$/, '');
}
