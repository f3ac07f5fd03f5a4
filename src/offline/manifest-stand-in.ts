// Manifest stand-in: reads the manifest of a directory, or makes a substitute for a damaged or missing one, so that the
// rest of the directory can still be checked (docs/recovery.md).

import { join } from 'node:path';

import type { Env } from '../env/env.js';
import { isKvError, type KvError } from '../errors.js';
import { MANIFEST_NAME } from '../log/bytes/file-names.js';
import type { Manifest } from '../log/bytes/manifest.js';
import { readManifest } from '../log/segments/manifest-file.js';
import { findStrayLog } from '../log/damage/stray-segments.js';
import type { Finding } from '../log/damage/verification.js';

/** Returns the manifest, or one made from the segments found, and the findings about it. */
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
    findings.push(wholeFile(each, 'by its header, this is no segment of this store'));
  }
  return { manifest: stray.manifest, findings };
}

/** Returns a finding of damage that concerns the whole file. */
export function wholeFile(path: string, what: string): Finding {
  return { path, offset: 0, bytes: undefined, what, isDamage: true, key: undefined };
}

/** Returns the message of an error without path and offset. */
export function plain(error: KvError): string {
  return error.message.replace(/ \([^()]*\)$/, '');
}
