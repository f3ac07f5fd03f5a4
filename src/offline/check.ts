// Check: checks a data directory as a whole, for kv-check: every byte of the log, whether its parts fit together, files
// that a crash left, hints, image, snapshot. It takes no lock and changes nothing (docs/tools.md, "kv-check").
//
// Invariant: a finding that a second look does not confirm is not reported: a running server changed the files.

import { join } from 'node:path';

import type { Env } from '../env/env.js';
import { KvError, isKvError, systemCode } from '../errors.js';
import { findLeftovers, openSegments } from '../log/segments/directory.js';
import { SNAPSHOT_NAME, parseFileName } from '../log/bytes/file-names.js';
import { hintState } from '../log/segments/hint-file.js';
import { isImageGood } from '../log/recovery/image-proof.js';
import { isOurs } from '../log/segments/ownership.js';
import type { Manifest } from '../log/bytes/manifest.js';
import type { SegmentTable } from '../log/segments/segment.js';
import { verifyLog, type Finding, type Verification } from '../log/damage/verification.js';
import { plain, readManifestOrStandIn, wholeFile } from './manifest-stand-in.js';
import { snapshotState, type SnapshotState } from '../store/snapshot-file/state.js';
import { lossText, provedLoss, readClaims, type LossClaim } from '../store/restart/loss-proof.js';
import { StoreReader, requireStore } from './store-reader.js';

interface HintStates {
  readonly good: number;
  readonly missing: number;
  /** Names of the hints that a start will not use. */
  readonly unusable: readonly string[];
}

export interface CheckReport {
  readonly findings: readonly Finding[];
  readonly segments: number;
  readonly batches: number;
  readonly frames: number;
  readonly largeValues: number;
  readonly bytes: number;
  /** Live keys; undefined when the log cannot be replayed. */
  readonly keys: number | undefined;
  readonly seq: number | undefined;
  readonly hints: HintStates;
  /** The image of the keydir from a clean stop: `good` when the next start will use it. */
  readonly image: 'none' | 'good' | 'unusable';
  /** Names of files that the next start removes. */
  readonly leftovers: readonly string[];
  readonly snapshot: SnapshotState;
}

interface CheckOptions {
  /** True when a server has the directory open: then its unfinished files are no leftovers. */
  readonly isServed: boolean;
  readonly onProgress: (done: number, total: number) => void;
}

interface Look {
  readonly manifest: Manifest;
  readonly verification: Verification;
  readonly findings: readonly Finding[];
  readonly keys?: number;
  readonly seq?: number;
}

/** Checks the store in `dir`. Throws KV_NOT_A_STORE, and KV_FORMAT_VERSION for a store of a newer release. */
export async function checkStore(
  env: Env,
  dir: string,
  options: CheckOptions,
): Promise<CheckReport> {
  await requireStore(env, dir);
  const first = await look(env, dir, options);
  const findings = await confirmed(env, dir, options, first);
  const { verification, manifest, keys, seq } = first;
  return {
    findings,
    segments: verification.segments.length,
    batches: verification.batches,
    frames: verification.frames,
    largeValues: verification.largeValues,
    bytes: verification.bytes,
    keys,
    seq,
    hints: await hintStates(env, dir, manifest),
    image: await imageState(env, dir, manifest),
    leftovers: options.isServed ? [] : await leftoversOf(env, dir, manifest),
    snapshot: await snapshotState(env.fs, join(dir, SNAPSHOT_NAME)),
  };
}

async function look(env: Env, dir: string, options: CheckOptions): Promise<Look> {
  const { manifest, findings } = await readManifestOrStandIn(env, dir);
  // Claims are read before the log, so that the log must reach them even while a server writes on.
  const claims = await readClaims(env.fs, dir, manifest);
  const verification = await verifyLog(env.fs, dir, manifest, progressOf(manifest, options));
  const all = [...findings, ...verification.findings, ...(await strangers(env, dir, manifest))];
  if (all.some(({ isDamage }) => isDamage)) {
    return { manifest, verification, findings: await withMissing(claims, verification, all) };
  }
  return { manifest, verification, ...(await replayed(env, dir, all)) };
}

/** For a log that cannot be replayed, adds what other files prove to be missing at its end. */
async function withMissing(
  claims: readonly LossClaim[],
  { lastSeq, segments }: Verification,
  findings: readonly Finding[],
): Promise<readonly Finding[]> {
  const claim = await provedLoss(claims, lastSeq);
  if (claim === undefined) return findings;
  const tail = segments.findLast(({ path }) => path !== undefined);
  const whole = wholeFile(tail?.path ?? claim.path, lossText(claim, lastSeq));
  return [...besideMissing(findings), { ...whole, offset: tail?.end ?? 0 }];
}

/** Removes torn tails: where acknowledged records are missing, the cut bytes may be one of them. */
function besideMissing(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ isDamage }) => isDamage);
}

function progressOf(manifest: Manifest, { onProgress }: CheckOptions): (bytes: number) => void {
  const known = manifest.segments.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  return (bytes) => onProgress(bytes, Math.max(bytes, known));
}

/** Adds what only a replay shows: segments that do not fit together, a missing file of a large value. */
async function replayed(
  env: Env,
  dir: string,
  findings: readonly Finding[],
): Promise<Pick<Look, 'findings' | 'keys' | 'seq'>> {
  try {
    const reader = await StoreReader.open(env, dir);
    const { seq } = reader;
    const keys = reader.count();
    await reader.close();
    return { findings, keys, seq };
  } catch (error: unknown) {
    if (!isKvError(error, 'KV_CORRUPTION')) throw error;
    const { path = dir, offset = 0 } = error;
    return { findings: [...besideMissing(findings), { ...wholeFile(path, plain(error)), offset }] };
  }
}

/** Returns a finding for a segment that the manifest does not explain. */
async function strangers(env: Env, dir: string, manifest: Manifest): Promise<Finding[]> {
  try {
    await findLeftovers(env.fs, dir, manifest);
    return [];
  } catch (error: unknown) {
    // The manifest has the version of this release, so a file with another version is damaged.
    const isDamage = isKvError(error, 'KV_CORRUPTION') || isKvError(error, 'KV_FORMAT_VERSION');
    if (!isDamage) throw error;
    return [wholeFile(error.path ?? dir, plain(error))];
  }
}

/** Returns the findings that a second look confirms. For a torn tail alone it reads only the open segments. */
async function confirmed(
  env: Env,
  dir: string,
  options: CheckOptions,
  { findings, manifest }: Look,
): Promise<readonly Finding[]> {
  if (findings.length === 0) return findings;
  const quiet = { ...options, onProgress: () => undefined };
  const again = findings.some(({ isDamage }) => isDamage)
    ? (await look(env, dir, quiet)).findings
    : (await verifyOpenEnd(env, dir, manifest)).findings;
  const places = new Set(again.map(({ path, offset }) => `${path}@${offset}`));
  return findings.filter(({ path, offset }) => places.has(`${path}@${offset}`));
}

function verifyOpenEnd(env: Env, dir: string, manifest: Manifest): Promise<Verification> {
  const segments = manifest.segments.filter(({ bytes }) => bytes === null);
  return verifyLog(env.fs, dir, { ...manifest, segments }, () => undefined);
}

async function hintStates(env: Env, dir: string, manifest: Manifest): Promise<HintStates> {
  const unusable: string[] = [];
  let good = 0;
  let missing = 0;
  for (const { bytes, ...place } of manifest.segments) {
    if (bytes === null) continue;
    const { state, name } = await hintState(env.fs, dir, { ...place, committedBytes: bytes });
    if (state === 'good') good += 1;
    else if (state === 'missing') missing += 1;
    else unusable.push(name);
  }
  return { good, missing, unusable };
}

async function imageState(
  env: Env,
  dir: string,
  manifest: Manifest,
): Promise<CheckReport['image']> {
  let table: SegmentTable | undefined;
  try {
    table = await openSegments(env.fs, dir, manifest);
    const isGood = await isImageGood(env.fs, dir, manifest.storeId, table);
    return isGood === undefined ? 'none' : isGood ? 'good' : 'unusable';
  } catch (error: unknown) {
    if (systemCode(error) === undefined) throw error;
    return 'unusable';
  } finally {
    await table?.close();
  }
}

async function leftoversOf(env: Env, dir: string, manifest: Manifest): Promise<readonly string[]> {
  try {
    return await findLeftovers(env.fs, dir, manifest);
  } catch (error: unknown) {
    if (!(error instanceof KvError)) throw error;
    // findLeftovers stops at an unknown segment. The next start that succeeds removes at least these files.
    const names = await env.fs.list(dir);
    const temporaries = names.filter((name) => parseFileName(name).kind === 'temporary');
    const ours = await Promise.all(temporaries.map((name) => isOurs(env.fs, dir, name)));
    return temporaries.filter((_name, at) => ours[at]);
  }
}
