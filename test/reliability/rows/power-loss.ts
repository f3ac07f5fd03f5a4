// Real power loss: a real server on a real file system on a disk with a volatile cache (test/power-loss).

import {
  buildNoSync,
  FILE_SYSTEMS,
  lacking,
  PowerDisk,
  type FileSystem,
} from '../../power-loss/power-disk.js';
import { POISONED, PowerLoss, type PowerLossOptions } from '../../power-loss/power-loss.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import { ServerFailure } from '../../../tools/torture/server-process.js';
import type { Budget, FaultRow, Skipped, Tried } from '../row.js';

export const powerLoss: FaultRow = {
  name: 'power-loss',
  fault: 'Power is lost under load; the disk loses any part of its cache',
  required: 'The file system and the server come back by themselves, nothing acknowledged is gone',
  injection: 'a FUSE disk with a volatile cache, below a loop device and ext4, xfs or btrfs',
  try: losePower,
};

export const powerLossAfterEio: FaultRow = {
  name: 'power-loss-after-eio',
  fault: 'A write or flush of the disk fails, the server starts again, then power is lost',
  required:
    'The server ends with 79 (it goes on without a segment in preparation, or a file that it can make again); nothing that is acknowledged later lies behind a hole',
  injection: 'the same disk: EIO at the N-th write or flush, the page cache kept',
  try: losePowerAfterEio,
};

interface Rounds {
  readonly rounds: number;
  readonly cutsInLoad: number;
  readonly cutsInStart: number;
}

const FAST: Rounds = { rounds: 1, cutsInLoad: 3, cutsInStart: 0 };
const LONG: Rounds = { rounds: 10, cutsInLoad: 8, cutsInStart: 2 };
const CONTROL: Rounds = { rounds: 1, cutsInLoad: 1, cutsInStart: 0 };
/** Batches so long that they are appended: a power loss then also loses the file's length. */
const LONG_VALUES: PowerLossOptions = {
  valueBytesMax: 900_000,
  longShare: 0.9,
  serverArgs: ['--segment-size', '4m', '--compact-min', '2m', '--compact-ratio', '0.2'],
};

const LONG_VALUES_DISKS = 10;

async function losePower({ tier, seed }: Budget): Promise<Tried | Skipped> {
  const needs = lacking();
  if (needs !== undefined) return { needs };
  const kinds = tier === 'fast' ? (['ext4'] as const) : FILE_SYSTEMS;
  const failures: string[] = [];
  const figures: string[] = [];
  let tried = 0;
  for (const kind of kinds) {
    const missing = lacking(kind);
    if (missing !== undefined) {
      figures.push(`${kind}: skipped: needs ${missing}`);
      continue;
    }
    const trials = [await runRounds(kind, seed, tier === 'fast' ? FAST : LONG, {})];
    // Each trial has a disk of its own: long values fill one sooner than compaction empties it.
    for (let disk = 0; disk < (tier === 'fast' ? 1 : LONG_VALUES_DISKS); disk++) {
      trials.push(await runRounds(kind, seed + disk, FAST, LONG_VALUES));
    }
    for (const trial of trials)
      failures.push(...trial.failures().map((line) => `${kind}: ${line}`));
    const sum = (figure: (trial: PowerLoss) => number): number =>
      trials.reduce((total, trial) => total + figure(trial), 0);
    const images = sum((trial) => trial.images);
    const acknowledged = sum(({ findings }) => findings.acknowledged);
    const lost = sum(({ findings }) => findings.lost.length);
    figures.push(`${kind}: ${images} images, ${acknowledged} acknowledged, ${lost} lost`);
    tried += images;
  }
  const env = { LD_PRELOAD: await buildNoSync() };
  const control = await runRounds('ext4', seed, CONTROL, { env });
  const seen = control.findings.lost.length + control.notStarted.length;
  if (seen === 0) failures.push('a server without syncs lost nothing: this row sees no losses');
  figures.push(`the same without syncs: ${seen} losses in ${control.images} images`);
  return { tried, failures, figure: figures.join('; ') };
}

async function runRounds(
  kind: FileSystem,
  seed: number,
  { rounds, cutsInLoad, cutsInStart }: Rounds,
  options: PowerLossOptions,
): Promise<PowerLoss> {
  const disk = await PowerDisk.start(kind);
  const trial = new PowerLoss(disk, seed, options);
  try {
    for (let round = 0; round < rounds; round++) {
      await trial.start(round === 0 ? 0 : cutsInStart);
      await trial.load(cutsInLoad);
      await trial.lookAndPowerOn();
    }
    return trial;
  } finally {
    await trial.close();
    await disk.close();
  }
}

/** A lost write is a hole only where no later write covers its page: large values make such holes. */
const LARGE_BYTES_MAX = 60_000;
const WITHOUT_TAIL_REWRITE = {
  NODE_OPTIONS: `--import ${new URL('../../power-loss/skip-tail-rewrite.js', import.meta.url).href}`,
};
const CONTROL_FAULTS_MAX = 20;

/**
 * The server says this and goes on: the fault hit the next segment, or a file that it can make again. Nothing that was
 * acknowledged is in them.
 */
const THROWN_AWAY =
  /(?:next segment cannot be prepared yet|manifest could not be written|Background work failed): .*\((?:EIO|EROFS)\)/;

interface EioCounts {
  faults: number;
  images: number;
  restarted: number;
  lost: number;
  readonly failures: string[];
}

async function losePowerAfterEio({ tier, seed }: Budget): Promise<Tried | Skipped> {
  const needs = lacking();
  if (needs !== undefined) return { needs };
  const random = new SeededRandom(seed);
  const counts = noEioCounts();
  for (let fault = 0; fault < (tier === 'fast' ? 1 : 40); fault++) await tryEio(random, counts);
  const { faults, restarted, images, lost, failures } = counts;
  const figures = [
    `${faults} faults, ${restarted} starts on the stale cache, ${images} images, ${lost} lost`,
  ];
  if (tier === 'long') {
    const control = noEioCounts();
    while (control.failures.length === 0 && control.faults < CONTROL_FAULTS_MAX)
      await tryEio(random, control, WITHOUT_TAIL_REWRITE);
    if (control.failures.length === 0) failures.push('no hole without the rewrite of the tail');
    figures.push(`without the rewrite of the tail a hole after ${control.faults} faults`);
  }
  return { tried: faults, failures, figure: figures.join('; ') };
}

function noEioCounts(): EioCounts {
  return { faults: 0, images: 0, restarted: 0, lost: 0, failures: [] };
}

async function tryEio(
  random: SeededRandom,
  counts: EioCounts,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const disk = await PowerDisk.start('ext4');
  const seed = random.next32();
  const trial = new PowerLoss(disk, seed, { env, valueBytesMax: LARGE_BYTES_MAX });
  try {
    const restarted = await failThenLosePower(disk, trial, random, counts.failures);
    counts.restarted += restarted ? 1 : 0;
  } finally {
    await trial.close();
    await disk.close();
  }
  counts.faults += 1;
  counts.images += trial.images;
  counts.lost += trial.findings.lost.length;
  counts.failures.push(...trial.failures());
}

/** Returns whether the server came up again before power was lost. */
async function failThenLosePower(
  disk: PowerDisk,
  trial: PowerLoss,
  random: SeededRandom,
  failures: string[],
): Promise<boolean> {
  await trial.start(0);
  const code = await trial.loadUntilEnd(() => {
    const at = random.between(1, 6);
    return random.chance(0.7) ? disk.failWrite(at) : disk.failFlush(at);
  }, THROWN_AWAY);
  const thrownAway = code === null && THROWN_AWAY.test(trial.output);
  if (code !== POISONED && !thrownAway)
    failures.push(`after EIO it ended with ${code}: ${trial.output}`);
  let restarted = true;
  try {
    await trial.start(0);
  } catch (error) {
    // The file system has become read-only: nothing can be acknowledged, and power is lost in this state.
    if (!(error instanceof ServerFailure)) throw error;
    restarted = false;
  }
  if (restarted) await trial.load(2);
  else await trial.cutNow();
  await trial.lookAndPowerOn();
  return restarted;
}
