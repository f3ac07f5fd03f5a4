// File names of a data directory: composes and parses them, without looking at the files (docs/format.md, "Files").
// Invariants: sorting segments by name gives log order; a file with a temporary name is never read; only files with
// names that this module composes are ever removed or replaced (ownership.ts).

export const MANIFEST_NAME = 'MANIFEST';
export const LOCK_NAME = 'LOCK';
export const SNAPSHOT_NAME = 'snapshot.json';
export const IMAGE_NAME = 'IMAGE';
export const CONTROL_NAME = 'control.sock';
/** The folder of the segments that compaction replaced, when the operator keeps them. */
export const HISTORY_NAME = 'history';
export const TEMPORARY_SUFFIX = '.tmp';

/** Makes `<name>.cairn-<hex digits>.tmp`, a name that no other program uses. */
const TEMPORARY_MARK = '.cairn-';
const TEMPORARY_PATTERN = /^(.+?)(\.cairn-[0-9a-f]{1,12})?\.tmp$/;

const SEGMENT_PATTERN = /^(\d{10})-(\d{4,})\.(seg|hint)$/;
const LARGE_VALUE_PATTERN = /^(\d{15})\.val$/;

/** Returns a segment's name; `last` is the newest segment number that the file stands for. */
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

/** Returns the temporary name of file `name` while it is written. `unique` is hex digits that no other file has. */
export function temporaryName(name: string, unique: string): string {
  return `${name}${TEMPORARY_MARK}${unique}${TEMPORARY_SUFFIX}`;
}

type FinalKind =
  | { readonly kind: 'segment' | 'hint'; readonly last: number; readonly generation: number }
  | { readonly kind: 'large-value'; readonly id: number }
  | { readonly kind: 'manifest' | 'image' | 'snapshot' | 'lock' | 'control' };

/** `isMarked` false: named as by releases before the mark; another program may have used such a name too. */
export type FileKind =
  | FinalKind
  | { readonly kind: 'temporary'; readonly of: FinalKind['kind']; readonly isMarked: boolean }
  | { readonly kind: 'other' };

const FIXED_NAMES: ReadonlyMap<string, FinalKind> = new Map([
  [MANIFEST_NAME, { kind: 'manifest' }],
  [IMAGE_NAME, { kind: 'image' }],
  [SNAPSHOT_NAME, { kind: 'snapshot' }],
  [LOCK_NAME, { kind: 'lock' }],
  [CONTROL_NAME, { kind: 'control' }],
]);

/** Returns what kind of file a name in the data directory stands for. */
export function parseFileName(name: string): FileKind {
  const temporary = TEMPORARY_PATTERN.exec(name);
  if (temporary === null) return parseFinalName(name) ?? { kind: 'other' };
  const of = parseFinalName(temporary[1] ?? '')?.kind;
  if (of === undefined) return { kind: 'other' };
  return { kind: 'temporary', of, isMarked: temporary[2] !== undefined };
}

function parseFinalName(name: string): FinalKind | undefined {
  const place = SEGMENT_PATTERN.exec(name);
  if (place !== null) {
    const kind = place[3] === 'seg' ? 'segment' : 'hint';
    return { kind, last: Number(place[1]), generation: Number(place[2]) };
  }
  const large = LARGE_VALUE_PATTERN.exec(name);
  if (large !== null) return { kind: 'large-value', id: Number(large[1]) };
  return FIXED_NAMES.get(name);
}

/** A replaced segment that is kept. Its name has all of these fields. */
export interface KeptSegment {
  readonly last: number;
  readonly generation: number;
  /** Length up to the end of its last batch. */
  readonly bytes: number;
  readonly horizon: number;
  /** The newest seq, and the time on the store's clock, when it was replaced. */
  readonly replacedSeq: number;
  readonly replacedMs: number;
}

/** A large value that is kept after its item was deleted or replaced. */
interface KeptLargeValue {
  readonly id: number;
  /** Seq and time of the record that deleted or replaced the item. */
  readonly replacedSeq: number;
  readonly replacedMs: number;
}

const KEPT_SEGMENT_PATTERN = /^(\d{10})-(\d{4,})\.(\d+)\.(\d+)\.(\d+)\.(\d+)\.seg$/;
const KEPT_LARGE_PATTERN = /^(\d{15})\.(\d+)\.(\d+)\.val$/;

/** Returns `<place>.<bytes>.<horizon>.<seq>.<ms>.seg`. */
export function keptSegmentName(kept: KeptSegment): string {
  const { last, generation, bytes, horizon, replacedSeq, replacedMs } = kept;
  return `${placeName(last, generation)}.${bytes}.${horizon}.${replacedSeq}.${replacedMs}.seg`;
}

/** Returns `<id>.<seq>.<ms>.val`. */
export function keptLargeValueName({ id, replacedSeq, replacedMs }: KeptLargeValue): string {
  return `${keptLargeValueStart(id)}${replacedSeq}.${replacedMs}.val`;
}

/** Returns the beginning that the names of all kept files of one large value share. */
export function keptLargeValueStart(id: number): string {
  return `${String(id).padStart(15, '0')}.`;
}

/** Parses a name in the history folder; returns undefined for a file that is not Cairn's. */
export function parseKeptName(name: string): KeptSegment | KeptLargeValue | undefined {
  const segment = KEPT_SEGMENT_PATTERN.exec(name)?.slice(1).map(Number);
  if (segment !== undefined) {
    const [last = 0, generation = 0, bytes = 0, horizon = 0, replacedSeq = 0, replacedMs = 0] =
      segment;
    return { last, generation, bytes, horizon, replacedSeq, replacedMs };
  }
  const large = KEPT_LARGE_PATTERN.exec(name)?.slice(1).map(Number);
  if (large === undefined) return undefined;
  const [id = 0, replacedSeq = 0, replacedMs = 0] = large;
  return { id, replacedSeq, replacedMs };
}
