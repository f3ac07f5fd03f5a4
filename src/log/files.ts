// The names of the files of a data directory, and only the names (docs/format.md, "Files").
// Invariant: sorted by name, segments stand in log order; a name ending in .tmp is never read.

export const MANIFEST_NAME = 'MANIFEST';
export const LOCK_NAME = 'LOCK';
export const SNAPSHOT_NAME = 'snapshot.json';
export const IMAGE_NAME = 'IMAGE';
export const CONTROL_NAME = 'control.sock';
export const TEMPORARY_SUFFIX = '.tmp';

const SEGMENT_PATTERN = /^(\d{10})-(\d{4,})\.(seg|hint)$/;
const LARGE_VALUE_PATTERN = /^(\d{15})\.val$/;

/** `last` is the newest segment number that the file stands for. */
export function segmentName(last: number, generation: number): string {
  return `${placeName(last, generation)}.seg`;
}

export function hintName(last: number, generation: number): string {
  return `${placeName(last, generation)}.hint`;
}

function placeName(last: number, generation: number): string {
  return `${String(last).padStart(10, '0')}-${String(generation).padStart(4, '0')}`;
}

export function largeValueName(id: number): string {
  return `${String(id).padStart(15, '0')}.val`;
}

export type FileKind =
  | { readonly kind: 'segment' | 'hint'; readonly last: number; readonly generation: number }
  | { readonly kind: 'large-value'; readonly id: number }
  | { readonly kind: 'temporary' | 'other' };

/** What a name in the data directory says its file is. */
export function parseFileName(name: string): FileKind {
  if (name.endsWith(TEMPORARY_SUFFIX)) return { kind: 'temporary' };
  const place = SEGMENT_PATTERN.exec(name);
  if (place !== null) {
    const kind = place[3] === 'seg' ? 'segment' : 'hint';
    return { kind, last: Number(place[1]), generation: Number(place[2]) };
  }
  const large = LARGE_VALUE_PATTERN.exec(name);
  if (large !== null) return { kind: 'large-value', id: Number(large[1]) };
  return { kind: 'other' };
}
