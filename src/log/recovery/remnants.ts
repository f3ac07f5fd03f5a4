// Remnants: files of a store whose MANIFEST and segments are gone: an image, hints, large values, a snapshot
// (docs/recovery.md, "Incomplete copies"). Their content decides: another program's file of the same name is no
// remnant.
//
// Invariant: a store is created durably before it writes any of these, so no crash leaves them without a MANIFEST.

import { join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { KvError, isKvError, systemCode } from '../../errors.js';
import { IMAGE_NAME, SNAPSHOT_NAME, parseFileName } from '../bytes/file-names.js';
import { HINT_MAGIC, IMAGE_MAGIC, LARGE_MAGIC } from '../bytes/magic.js';

const SNAPSHOT_START = '{"format":"cairn-snapshot"';
const STARTS = [IMAGE_MAGIC, HINT_MAGIC, LARGE_MAGIC, SNAPSHOT_START];

/**
 * Throws KV_CORRUPTION when a directory without MANIFEST and segments has a remnant: a new store there would hide that
 * the old one is missing.
 */
export async function refuseRemnants(fs: Fs, dir: string): Promise<void> {
  for (const name of await fs.list(dir)) {
    if (!(await isRemnant(fs, dir, name))) continue;
    const path = join(dir, name);
    const load =
      name === SNAPSHOT_NAME
        ? ', or load the snapshot: kv-load --create <another new directory> <it>'
        : '';
    throw new KvError(
      'KV_CORRUPTION',
      `This belongs to a store whose MANIFEST and segments are missing; put them back${load}; for a new store choose an empty directory`,
      { path },
    );
  }
}

async function isRemnant(fs: Fs, dir: string, name: string): Promise<boolean> {
  const { kind } = parseFileName(name);
  const isKnown = kind === 'hint' || kind === 'large-value';
  if (!isKnown && name !== IMAGE_NAME && name !== SNAPSHOT_NAME) return false;
  const head = Buffer.alloc(SNAPSHOT_START.length);
  try {
    const file = await fs.open(join(dir, name), 'read');
    try {
      await file.read(head, 0);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemCode(error) === undefined && !isKvError(error)) throw error;
    return false;
  }
  const text = head.toString('latin1');
  return STARTS.some((magic) => text.startsWith(magic));
}
