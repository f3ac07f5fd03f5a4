// The MANIFEST: lists the segment files of the log, in log order. A segment that it does not name is a leftover;
// a segment that it names and that is missing is damage (docs/format.md).
//
// Invariants:
// - Numbers are contiguous from 1: each entry starts one above the last number of the entry before.
// - A sealed entry has its length. At most the last two are open: the active segment and its successor, which
//   is listed before its first batch is written, so that rotation needs no sync of its own.
// - It is readable text, because operators read it in emergencies.

import { crc32 } from 'node:zlib';

import { KvError } from '../../errors.js';
import { FORMAT_VERSION } from './format.js';

export interface ManifestEntry {
  readonly first: number;
  readonly last: number;
  readonly generation: number;
  readonly salt: number;
  /** Length when sealed, null while open. */
  readonly bytes: number | null;
  /** While open: how many bytes, batches and zeros ahead, have been written to it. A shorter file was cut. */
  readonly zeroed?: number;
  /** A compacted segment lacks only records that were dead when this seq was the newest. 0: it lacks none. */
  readonly horizon?: number;
}

export interface Manifest {
  /** 16 bytes in hex. The header of each segment of the store has it too. */
  readonly storeId: string;
  readonly segments: readonly ManifestEntry[];
}

interface ManifestText {
  readonly format: 'cairn-manifest';
  readonly version: number;
  readonly storeId: string;
  readonly segments: readonly ManifestEntry[];
}

/** Returns two lines: the content as JSON, and its checksum. */
export function composeManifest({ storeId, segments }: Manifest): string {
  const content: ManifestText = {
    format: 'cairn-manifest',
    version: FORMAT_VERSION,
    storeId,
    segments,
  };
  const line = JSON.stringify(content);
  return `${line}\ncrc32 ${checksum(line)}\n`;
}

export function parseManifest(text: string, path: string): Manifest {
  const [line = '', sum = ''] = text.split('\n');
  const damaged = (what: string): KvError =>
    new KvError('KV_CORRUPTION', `The manifest is damaged: ${what}`, {
      path,
    });
  if (sum !== `crc32 ${checksum(line)}`) throw damaged('its checksum does not match');
  const content = JSON.parse(line) as ManifestText;
  if (content.format !== 'cairn-manifest') throw damaged('it is not a manifest');
  if (content.version !== FORMAT_VERSION) {
    throw new KvError(
      'KV_FORMAT_VERSION',
      `Format version ${content.version} is not known to this release; use a newer one`,
      { path },
    );
  }
  let expected = 1;
  for (const { first, last } of content.segments) {
    if (first !== expected || last < first) throw damaged('its segments are not contiguous');
    expected = last + 1;
  }
  return { storeId: content.storeId, segments: content.segments };
}

function checksum(line: string): string {
  return crc32(line).toString(16).padStart(8, '0');
}
