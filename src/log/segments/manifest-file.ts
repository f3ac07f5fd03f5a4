// Manifest file: reads and writes the MANIFEST of a directory (log/bytes/manifest.ts describes its content).
// Invariant: the file is replaced atomically as a whole.

import { join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { MANIFEST_NAME } from '../bytes/file-names.js';
import { composeManifest, parseManifest } from '../bytes/manifest.js';
import type { Manifest } from '../bytes/manifest.js';
import { readWholeFile, replaceFile } from './whole-file.js';

/** Writes the manifest. When it throws after it called `switching`, the old or the new manifest may be on disk. */
export async function writeManifest(
  fs: Fs,
  dir: string,
  manifest: Manifest,
  switching?: () => void,
): Promise<void> {
  await replaceFile(fs, dir, MANIFEST_NAME, Buffer.from(composeManifest(manifest)), switching);
}

/** Returns the manifest of a directory; undefined when it has none. Throws KV_CORRUPTION, KV_FORMAT_VERSION. */
export async function readManifest(fs: Fs, dir: string): Promise<Manifest | undefined> {
  const path = join(dir, MANIFEST_NAME);
  const bytes = await readWholeFile(fs, path);
  return bytes === undefined ? undefined : parseManifest(bytes.toString('utf8'), path);
}
