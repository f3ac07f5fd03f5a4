// The names of the files of a data directory, and only the names (docs/format.md, "Files").
// Invariants: sorted by name, segments stand in log order; a temporary name is never read; only names that are
// told here are ever removed or replaced (ownership.ts).

export const MANIFEST_NAME = 'MANIFEST';
export const LOCK_NAME = 'LOCK';
export const SNAPSHOT_NAME = 'snapshot.json';
export const IMAGE_NAME = 'IMAGE';
export const CONTROL_NAME = 'control.sock';
/** The folder of what compaction replaced, when it is kept. */
export const HISTORY_NAME = 'history';
export const TEMPORARY_SUFFIX = '.tmp';

/** `<name>.cairn-<hex digits>.tmp`: unlike anybody else's. */
const TEMPORARY_MARK = '.cairn-';
const TEMPORARY_PATTERN = /^(.+?)(\.cairn-[0-9a-f]{1,12})?\.tmp$/;

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

/** The name under which a file of that name is written. `unique`: hex digits, of which each name has its own. */
export function temporaryName(name: string, unique: string): string {
  return `${name}${TEMPORARY_MARK}${unique}${TEMPORARY_SUFFIX}`;
}

type FinalKind =
  | { readonly kind: 'segment' | 'hint'; readonly last: number; readonly generation: number }
  | { readonly kind: 'large-value'; readonly id: number }
  | { readonly kind: 'manifest' | 'image' | 'snapshot' | 'lock' | 'control' };

/** `isMarked` false: as releases before the mark named it, and anybody may. */
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

/** What a name in the data directory says its file is. */
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

/** A segment that was replaced: when, and what it holds. Its name says all of that. */
export interface KeptSegment {
  readonly last: number;
  readonly generation: number;
  /** Up to the end of its last batch. */
  readonly bytes: number;
  readonly horizon: number;
  /** The newest seq when it was replaced, and the time on the store's clock. */
  readonly replacedSeq: number;
  readonly replacedMs: number;
}

/** A large value whose item is gone. */
interface KeptLargeValue {
  readonly id: number;
  /** Of the record by which it went. */
  readonly replacedSeq: number;
  readonly replacedMs: number;
}

const KEPT_SEGMENT_PATTERN = /^(\d{10})-(\d{4,})\.(\d+)\.(\d+)\.(\d+)\.(\d+)\.seg$/;
const KEPT_LARGE_PATTERN = /^(\d{15})\.(\d+)\.(\d+)\.val$/;

/** `<place>.<bytes>.<horizon>.<seq>.<ms>.seg` */
export function keptSegmentName(kept: KeptSegment): string {
  const { last, generation, bytes, horizon, replacedSeq, replacedMs } = kept;
  return `${placeName(last, generation)}.${bytes}.${horizon}.${replacedSeq}.${replacedMs}.seg`;
}

/** `<id>.<seq>.<ms>.val` */
export function keptLargeValueName({ id, replacedSeq, replacedMs }: KeptLargeValue): string {
  return `${keptLargeValueStart(id)}${replacedSeq}.${replacedMs}.val`;
}

/** With what the name of every kept file of that large value begins. */
export function keptLargeValueStart(id: number): string {
  return `${String(id).padStart(15, '0')}.`;
}

/** What a name in the folder of the history says; undefined: nothing of ours. */
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
