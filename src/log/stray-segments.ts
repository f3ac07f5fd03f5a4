// A log without its manifest: which segments lie there, by their own headers. A stand-in for checking and
// salvaging; no server ever starts from it (docs/recovery.md).

import { join } from 'node:path';

import type { Fs } from '../env/env.js';
import { isKvError, systemCode } from '../errors.js';
import { readHeader } from './directory.js';
import { parseFileName } from './files.js';
import type { SegmentHeader } from './format.js';
import type { Manifest } from './manifest.js';

export interface StrayLog {
  /** Every segment counts as open: where a sealed one ends only the manifest knew. */
  readonly manifest: Manifest;
  /** Files whose header says nothing, or another store's name. */
  readonly unreadable: readonly string[];
  /** First and last log numbers that no file stands for. */
  readonly gaps: readonly (readonly [number, number])[];
}

/** Throws KV_FORMAT_VERSION: without a manifest nothing else says how such a file is to be read. */
export async function findStrayLog(fs: Fs, dir: string): Promise<StrayLog> {
  const headers: { path: string; header: SegmentHeader }[] = [];
  const unreadable: string[] = [];
  for (const name of await fs.list(dir)) {
    if (parseFileName(name).kind !== 'segment') continue;
    const path = join(dir, name);
    const file = await fs.open(path, 'read');
    try {
      headers.push({ path, header: await readHeader(file) });
    } catch (error: unknown) {
      if (!isKvError(error, 'KV_CORRUPTION') && systemCode(error) !== 'EIO') throw error;
      unreadable.push(path);
    } finally {
      await file.close();
    }
  }
  const storeId = commonest(headers.map(({ header }) => header.storeId.toString('hex')));
  const ours = headers.filter(({ header }) => header.storeId.toString('hex') === storeId);
  const strangers = headers.filter((each) => !ours.includes(each)).map(({ path }) => path);
  const segments = newest(ours.map(({ header }) => header));
  return {
    manifest: {
      storeId,
      segments: segments.map(({ first, last, generation, salt }) => ({
        first,
        last,
        generation,
        salt,
        bytes: null,
      })),
    },
    unreadable: [...unreadable, ...strangers],
    gaps: gapsIn(segments),
  };
}

/** In log order; a file that a newer generation stands for is left out. */
function newest(headers: readonly SegmentHeader[]): SegmentHeader[] {
  const isReplaced = (old: SegmentHeader): boolean =>
    headers.some(
      (other) =>
        other.generation > old.generation && other.first <= old.first && other.last >= old.last,
    );
  return headers.filter((header) => !isReplaced(header)).sort((a, b) => a.first - b.first);
}

function gapsIn(segments: readonly SegmentHeader[]): [number, number][] {
  const gaps: [number, number][] = [];
  let expected = 1;
  for (const { first, last } of segments) {
    if (first > expected) gaps.push([expected, first - 1]);
    expected = Math.max(expected, last + 1);
  }
  return gaps;
}

function commonest(values: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  return first?.[0] ?? '';
}
