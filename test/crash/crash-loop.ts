// Kills a real server over and over at random moments under load, starts it again on the same data and
// compares it with the ledger (ledger.ts). Used by the tests and by `npm run crash`.
//
// What it can show: recovery, the lock, half-written batches, stale values. What it cannot: a missing
// sync, because the kernel keeps the pages of a killed process (test/sim does that).

import { setTimeout } from 'node:timers/promises';
import { SeededRandom } from '../sim/seeded-random.js';
import { ServerProcess, type Launch } from '../support/server-process.js';
import { WireClient } from '../support/wire-client.js';
import { noFindings, readOf, readOthers, stateOf, Writer, type Findings } from './load.js';

export interface CrashLoopOptions {
  readonly launch: Launch;
  readonly kills: number;
  readonly seed: number;
  /** Largest value of the load; large ones make segments rotate and compactions run. */
  readonly valueBytesMax: number;
  /** A life under load lasts up to so long. */
  readonly lifeMsMax: number;
  readonly progress?: (kills: number, findings: Findings) => void;
}

export interface CrashReport extends Findings {
  readonly kills: number;
  readonly seed: number;
}

const WRITERS = 5;

/** Compares every key with the ledger, and the list of keys with what is known. */
async function check(port: number, writers: readonly Writer[], findings: Findings): Promise<void> {
  const client = await WireClient.connect(port);
  const present = new Set<string>();
  const keys = writers.flatMap((writer) => [...writer.ledgers]);
  const compare = async ([key, ledger]: (typeof keys)[number]): Promise<void> => {
    const found = stateOf(await client.meta(readOf(key)));
    if (found !== undefined) present.add(key);
    const verdict = ledger.recovered(found);
    if (verdict !== 'right') findings[verdict].push(`${key} came back as ${found?.slice(0, 80)}`);
  };
  await Promise.all(keys.map(compare));
  const dump = await client.list('lru_crawler metadump all\r\n');
  for (const [, encoded] of dump.matchAll(/^key=(\S+)/gm)) {
    const key = decodeURIComponent(encoded ?? '');
    if (!present.has(key)) findings.invented.push(`${key} is listed`);
  }
  client.close();
}

/** One life: load from all connections, a kill at a random moment after the first acknowledgement. */
async function live(
  server: ServerProcess,
  writers: readonly Writer[],
  random: SeededRandom,
  lifeMsMax: number,
  findings: Findings,
): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: WRITERS + 1 }, () => WireClient.connect(server.port)),
  );
  const running = writers.map((writer, i) => writer.run(clients[i] as WireClient, findings));
  running.push(readOthers(clients[WRITERS] as WireClient, writers, random.fork(), findings));
  const underLoad = new Promise<void>((resolve) => {
    findings.onAcknowledged = resolve;
  });
  const killed = underLoad
    .then(() => setTimeout(random.between(0, lifeMsMax)))
    .then(() => server.kill());
  await Promise.all([killed, ...running]);
}

/** Runs the loop; the data directory must be empty at first. */
export async function crashLoop(options: CrashLoopOptions): Promise<CrashReport> {
  const random = new SeededRandom(options.seed);
  const findings = noFindings();
  const writers = Array.from(
    { length: WRITERS },
    (_, i) => new Writer(`w${i}`, random.fork(), options.valueBytesMax),
  );
  const server = await ServerProcess.start(options.launch);
  try {
    for (let kills = 1; kills <= options.kills; kills++) {
      await live(server, writers, random, options.lifeMsMax, findings);
      await server.restart();
      await check(server.port, writers, findings);
      options.progress?.(kills, findings);
    }
    const { code } = await server.stop();
    if (code !== 0) throw new Error(`The last stop ended with ${code}: ${server.output}`);
  } finally {
    await server.kill();
  }
  return { ...findings, kills: options.kills, seed: options.seed };
}

/** The report in a line. */
export function summary(report: CrashReport): string {
  const { seed, kills, acknowledged, seen, lost, invented, wrongReplies } = report;
  return (
    `seed ${seed}: ${kills} kills, ${acknowledged} writes acknowledged, ${seen} values seen, ` +
    `${lost.length} lost, ${invented.length} invented, ${wrongReplies.length} wrong replies`
  );
}
