// Proofs of loss: files beside the log show how far the log had come. An image, a snapshot and a hint are written only
// when the records that they name are on the disk. A log that ends below one of them was cut short, for instance by an
// interrupted copy, or is older than the rest, as in a mixture of two backups (docs/recovery.md, "Incomplete copies").
//
// Invariants:
// - A claim counts only when its file is whole and of this very store, so that no crash makes a false claim. A file
//   that is half written claims nothing; one that came back with a power loss claims only what the log holds too.
// - A reader of a directory that a server writes to reads the claims before the log.

import { join } from 'node:path';

import type { Fs } from '../../env/env.js';
import { KvError, isKvError, systemCode } from '../../errors.js';
import { IMAGE_NAME, SNAPSHOT_NAME, parseFileName } from '../../log/bytes/file-names.js';
import { SEGMENT_HEADER_BYTES } from '../../log/bytes/format.js';
import { cutText } from '../../log/segments/directory.js';
import { hintClaim } from '../../log/segments/hint-file.js';
import { ImageFile } from '../../log/segments/image-file.js';
import type { Manifest, ManifestEntry } from '../../log/bytes/manifest.js';
import type { Segment } from '../../log/segments/segment.js';
import { snapshotHead, snapshotState } from '../snapshot-file/state.js';

export interface LossClaim {
  readonly path: string;
  /** The file proves that the record of this seq was on the disk. */
  readonly seq: number;
  /** The end of the message: "by the orderly stop of …". */
  readonly when: string;
  /** Reads the whole file and checks the claim, when the head of the file alone does not prove it. */
  readonly confirm?: () => Promise<boolean>;
}

interface ClaimSources {
  /** False when the image was already used, because it matched the log. */
  readonly image: boolean;
}

/** Returns the claims of the directory's files. A file that cannot be read, or is damaged, claims nothing. */
export async function readClaims(
  fs: Fs,
  dir: string,
  manifest: Manifest,
  sources: ClaimSources = { image: true },
): Promise<LossClaim[]> {
  const names = await fs.list(dir);
  const reads: Promise<LossClaim | undefined>[] = [];
  const add = (read: Promise<LossClaim | undefined>): void =>
    void reads.push(unlessUnreadable(read));
  if (sources.image && names.includes(IMAGE_NAME)) add(imageClaim(fs, dir, manifest));
  if (names.includes(SNAPSHOT_NAME)) add(claimOfSnapshot(fs, dir, manifest));
  for (const name of names) {
    const parsed = parseFileName(name);
    if (parsed.kind !== 'hint') continue;
    if (!isSealed(manifest, parsed.last, parsed.generation))
      add(claimOfHint(fs, dir, name, manifest));
  }
  const claims = await Promise.all(reads);
  return claims.filter((claim) => claim !== undefined);
}

/** Returns the highest claim above the end of the log; undefined when nothing is missing. */
export async function provedLoss(
  claims: readonly LossClaim[],
  lastSeq: number,
): Promise<LossClaim | undefined> {
  const higher = claims.filter(({ seq }) => seq > lastSeq).toSorted((a, b) => b.seq - a.seq);
  for (const claim of higher) {
    if (claim.confirm === undefined || (await claim.confirm())) return claim;
  }
  return undefined;
}

/**
 * Throws KV_CORRUPTION when a claim proves that the log was longer, or when an open segment is shorter than it was.
 * `isClean`: the log ends with a clean seal, so nothing followed it.
 */
export async function refuseLoss(
  claims: readonly LossClaim[],
  segments: readonly Segment[],
  lastSeq: number,
  isClean: boolean,
): Promise<void> {
  const claim = await provedLoss(claims, lastSeq);
  if (claim === undefined) {
    if (!isClean) await refuseCut(segments);
    return;
  }
  const tail =
    segments.findLast(({ committedBytes }) => committedBytes > SEGMENT_HEADER_BYTES) ??
    segments.at(-1);
  throw new KvError(
    'KV_CORRUPTION',
    `${lossText(claim, lastSeq)}; copy all files again from their source, as of one moment`,
    tail === undefined ? {} : { path: tail.file.path, offset: tail.committedBytes },
  );
}

async function refuseCut(segments: readonly Segment[]): Promise<void> {
  for (const { entry, file } of segments) {
    if (entry.zeroed === undefined) continue;
    const size = await file.size();
    const cut = cutText(entry, size);
    if (cut !== undefined) {
      throw new KvError('KV_CORRUPTION', cut, { path: file.path, offset: size });
    }
  }
}

/** Returns `2 newer writes are missing: the log ends at seq 2, and data/IMAGE proves…`. */
export function lossText({ path, seq, when }: LossClaim, lastSeq: number): string {
  const count = seq - lastSeq;
  const missing = count === 1 ? '1 newer write is missing' : `${count} newer writes are missing`;
  return `${missing}: the log ends at seq ${lastSeq}, and ${path} proves that seq ${seq} was on disk ${when}`;
}

async function imageClaim(
  fs: Fs,
  dir: string,
  { storeId }: Manifest,
): Promise<LossClaim | undefined> {
  const image = await ImageFile.open(fs, dir);
  if (image === undefined || typeof image === 'string') return undefined;
  await image.close();
  const { log } = image;
  if (log.storeId !== storeId) return undefined;
  const when = `by the orderly stop of ${at(log.timeMs)}`;
  return { path: join(dir, IMAGE_NAME), seq: log.lastSeq, when };
}

async function claimOfSnapshot(
  fs: Fs,
  dir: string,
  { storeId }: Manifest,
): Promise<LossClaim | undefined> {
  const path = join(dir, SNAPSHOT_NAME);
  const head = await snapshotHead(fs, path);
  if (head?.storeId !== storeId) return undefined;
  const confirm = async (): Promise<boolean> => (await snapshotState(fs, path)).state === 'good';
  const when = `by the snapshot of ${at(head.createdAt)}`;
  return { path, seq: head.seq, when, confirm };
}

/** Returns the claim of a hint whose segment the manifest does not name or still calls open. */
async function claimOfHint(
  fs: Fs,
  dir: string,
  name: string,
  { segments }: Manifest,
): Promise<LossClaim | undefined> {
  const hint = await hintClaim(fs, dir, name);
  if (hint === undefined) return undefined;
  const newest = segments.at(-1)?.last ?? 0;
  const isOurs = hint.last > newest || segments.some((entry) => isOf(hint, entry));
  if (!isOurs) return undefined;
  const when = `when segment ${hint.last} was sealed, after ${at(hint.timeMs)}`;
  return { path: join(dir, name), seq: hint.lastSeq, when };
}

function isOf(
  { first, last, salt }: { first: number; last: number; salt: number },
  entry: ManifestEntry,
): boolean {
  return salt === entry.salt && first === entry.first && last === entry.last;
}

function isSealed({ segments }: Manifest, last: number, generation: number): boolean {
  return segments.some(
    (entry) => entry.last === last && entry.generation === generation && entry.bytes !== null,
  );
}

async function unlessUnreadable(
  read: Promise<LossClaim | undefined>,
): Promise<LossClaim | undefined> {
  try {
    return await read;
  } catch (error) {
    if (systemCode(error) === undefined && !isKvError(error)) throw error;
    return undefined;
  }
}

function at(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
