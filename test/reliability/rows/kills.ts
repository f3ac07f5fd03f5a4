// kill -9 and SIGTERM at every stage of a server's life: under load with compactions and snapshots, during recovery, during
// the stop.

import { setTimeout } from 'node:timers/promises';

import {
  compare,
  crashLoop,
  livesInTime,
  makeWriters,
  underLoad,
} from '../../../tools/torture/crash-loop.js';
import { noFindings, type Findings, type Writer } from '../../../tools/torture/load.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import { cairnLaunch, type ServerProcess } from '../../../tools/torture/server-process.js';
import { WireClient } from '../../../tools/torture/wire-client.js';
import { EXIT } from '../../../src/exit-codes.js';
import { temporaryFolder } from '../../support/servers.js';
import { ms, withServer } from '../life.js';
import type { Budget, FaultRow, Tried } from '../row.js';
import { removeFolder } from '../../support/remove-folder.js';

const SMALL = ['--segment-size', '1m', '--compact-min', '256k', '--compact-ratio', '0.2'];
const VALUE_BYTES_MAX = 60_000;
const WRITERS = 4;
/** Far longer than a round takes on a busy machine: it only detects a hang. */
const PATIENCE_MS = 60_000;
const LOSES_NOTHING =
  'Everything acknowledged or seen is there after the next start, nothing is invented';

export const killedUnderLoad: FaultRow = {
  name: 'kill-load',
  fault: 'kill -9 under load, while segments rotate, compactions and snapshots run',
  required: LOSES_NOTHING,
  injection: 'SIGKILL at a random moment',
  try: async ({ tier, seed }) => {
    const dir = temporaryFolder();
    try {
      const launch = cairnLaunch(dir, [...SMALL, '--snapshot', '1s']);
      const kills = tier === 'fast' ? 10 : 250;
      const lifeMsMax = tier === 'fast' ? 200 : 600;
      const load = { valueBytesMax: VALUE_BYTES_MAX, lifeMsMax, patienceMs: PATIENCE_MS };
      const report = await crashLoop({ launch, kills, seed, ...load });
      return triedOf(kills, report, '');
    } finally {
      removeFolder(dir);
    }
  },
};

export const killedInRecovery: FaultRow = {
  name: 'kill-recovery',
  fault: 'kill -9 during recovery from a kill -9, again and again',
  required: LOSES_NOTHING,
  injection: 'SIGKILL up to 150 ms after the start',
  try: (budget) =>
    killLoop(budget, async ({ server, random, load }) => {
      await load(async () => void server.kill());
      await server.exited;
      const kills = random.between(1, 3);
      for (let kill = 0; kill < kills; kill++) {
        const starting = server.restart().catch(() => undefined);
        await setTimeout(random.between(0, 150));
        await server.kill();
        await starting;
      }
      return kills;
    }),
};

export const killedInStop: FaultRow = {
  name: 'kill-stop',
  fault: 'kill -9 during an orderly stop',
  required: LOSES_NOTHING,
  injection: 'SIGTERM under load, SIGKILL up to 40 ms later',
  try: (budget) =>
    killLoop(budget, async ({ server, random, load }) => {
      // The load does not wait for the kill, because the server may stop before it.
      let killed: Promise<unknown> | undefined;
      await load(async () => {
        process.kill(server.pid, 'SIGTERM');
        killed = setTimeout(random.between(0, 15)).then(() => server.kill());
      });
      await killed;
      return 1;
    }),
};

export const terminated: FaultRow = {
  name: 'sigterm',
  fault: 'SIGTERM under load; a second one while a client holds the stop up',
  required:
    'The exit code is 0 and nothing acknowledged is lost; the second signal ends the server at once',
  injection: 'SIGTERM',
  try: terminate,
};

interface Round {
  readonly server: ServerProcess;
  readonly random: SeededRandom;
  readonly load: (during: () => Promise<void>) => Promise<void>;
}

/** `round` ends with the server gone and returns how often it was killed. After each the ledger is compared. */
async function killLoop(
  { tier, seed }: Budget,
  round: (round: Round) => Promise<number>,
): Promise<Tried> {
  const random = new SeededRandom(seed);
  const writers = makeWriters(WRITERS, random, VALUE_BYTES_MAX);
  const findings = noFindings();
  let kills = 0;
  await withServer([...SMALL, '--snapshot', 'never'], async ({ server }) => {
    for (let i = 0; i < (tier === 'fast' ? 7 : 150); i++) {
      const load = (during: () => Promise<void>): Promise<void> =>
        underLoad(server, writers, random, findings, async () => {
          await setTimeout(random.between(0, 100));
          await during();
        });
      const life = async (): Promise<void> => {
        kills += await round({ server, random, load });
        await restartAndCompare(server, writers, findings);
      };
      await livesInTime(server, `seed ${seed}, round ${i + 1}`, PATIENCE_MS, life());
    }
  });
  return triedOf(kills, findings, '');
}

async function restartAndCompare(
  server: ServerProcess,
  writers: readonly Writer[],
  findings: Findings,
): Promise<void> {
  await server.restart();
  await compare(server.port, writers, findings);
}

function triedOf(tried: number, findings: Findings, more: string): Tried {
  const { acknowledged, seen, lost, invented, wrongReplies } = findings;
  return {
    tried,
    failures: [
      ...lost.map((what) => `lost: ${what}`),
      ...invented.map((what) => `invented: ${what}`),
      ...wrongReplies,
    ],
    figure: `${acknowledged} writes acknowledged, ${seen} values seen${more}`,
  };
}

async function terminate({ tier, seed }: Budget): Promise<Tried> {
  const random = new SeededRandom(seed);
  const writers = makeWriters(WRITERS, random, VALUE_BYTES_MAX);
  const findings = noFindings();
  const failures: string[] = [];
  let longestMs = 0;
  let stops = 0;
  return withServer([...SMALL, '--snapshot', 'never'], async ({ server }) => {
    const life = async (): Promise<void> => {
      let askedMs = 0;
      await underLoad(server, writers, random, findings, async () => {
        await setTimeout(random.between(0, 100));
        askedMs = performance.now();
        process.kill(server.pid, 'SIGTERM');
      });
      const { code } = await server.exited;
      longestMs = Math.max(longestMs, performance.now() - askedMs);
      if (code !== EXIT.ok) failures.push(`stop ${stops} ended with ${code}: ${server.output}`);
      await restartAndCompare(server, writers, findings);
    };
    for (; stops < (tier === 'fast' ? 6 : 100); stops++) {
      await livesInTime(server, `seed ${seed}, stop ${stops + 1}`, PATIENCE_MS, life());
    }
    const twice = terminateTwice(server, failures);
    const secondMs = await livesInTime(server, `seed ${seed}, two stops`, PATIENCE_MS, twice);
    const tried = triedOf(
      stops + 1,
      findings,
      `; longest stop ${ms(longestMs)}, a second signal ${ms(secondMs)}`,
    );
    return { ...tried, failures: [...failures, ...tried.failures] };
  });
}

/** Makes a client that never reads its replies hold up the orderly stop. Returns the ms after the second signal. */
async function terminateTwice(server: ServerProcess, failures: string[]): Promise<number> {
  const client = await WireClient.connect(server.port);
  const value = 'v'.repeat(500_000);
  await client.line(`set big 0 0 ${value.length}\r\n${value}\r\n`);
  client.pause();
  const asked = client.list('get big\r\n'.repeat(200)).catch(() => undefined);
  await setTimeout(200);
  process.kill(server.pid, 'SIGTERM');
  await setTimeout(200);
  const askedMs = performance.now();
  const { code } = await server.stop('SIGTERM');
  const tookMs = performance.now() - askedMs;
  if (code !== EXIT.bug) failures.push(`after the second signal it ended with ${code}`);
  await server.restart();
  client.close();
  await asked;
  return tookMs;
}
