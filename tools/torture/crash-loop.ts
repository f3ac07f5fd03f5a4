// Kills a real server over and over at random moments under load, starts it again on the same data and compares it
// with the ledger (ledger.ts). kv-torture and the tests use this loop.
//
// It can show faults of recovery, of the lock, half-written batches and stale values. It cannot show a missing sync,
// because the kernel keeps the pages of a killed process (test/sim and test/power-loss do that).

import { setTimeout } from 'node:timers/promises';
import type { State } from './ledger.js';
import { noFindings, readOf, readOthers, stateOf, Writer, type Findings } from './load.js';
import { SeededRandom } from './seeded-random.js';
import { ServerFailure, ServerProcess, type Launch } from './server-process.js';
import { withinTime } from './time-limit.js';
import { WireClient } from './wire-client.js';

export interface CrashLoopOptions {
  readonly launch: Launch;
  readonly kills: number;
  readonly seed: number;
  /** Largest value of the load. Large values make segments rotate and compactions run. */
  readonly valueBytesMax: number;
  /** Longest time from a start under load to the kill. */
  readonly lifeMsMax: number;
  /** A life that takes longer is a hang. The start and the comparison after the kill count (default: 2 minutes). */
  readonly patienceMs?: number;
  /** Number of connections that write; one more connection reads. */
  readonly writers?: number;
  /** When aborted, the loop ends after the present kill. */
  readonly signal?: AbortSignal;
  readonly progress?: (kills: number, findings: Findings) => void;
}

export interface CrashReport extends Findings {
  /** Counts how often the server was killed, started again and compared. */
  readonly kills: number;
  readonly seed: number;
  /** Times from the start of the process until it accepted connections, one per kill. */
  readonly restartMs: readonly number[];
}

const WRITERS = 5;
const PATIENCE_MS = 120_000;

/** Makes writers with keys of their own, all drawn from one seed. */
export function makeWriters(
  count: number,
  random: SeededRandom,
  valueBytesMax: number,
  longShare?: number,
): Writer[] {
  return Array.from(
    { length: count },
    (_, i) => new Writer(`w${i}`, random.fork(), valueBytesMax, longShare),
  );
}

/** Returns the text of a finding: a key, and what the server holds under it. */
export function describeFound(key: string, found: State): string {
  return found === undefined ? `${key} is gone` : `${key} came back as ${found.slice(0, 80)}`;
}

/** Compares every key with the ledger, and the server's list of keys with the known keys. */
export async function compare(
  port: number,
  writers: readonly Writer[],
  findings: Findings,
): Promise<void> {
  const client = await WireClient.connect(port);
  const present = new Set<string>();
  const keys = writers.flatMap((writer) => [...writer.ledgers]);
  const compareKey = async ([key, ledger]: (typeof keys)[number]): Promise<void> => {
    const found = stateOf(await client.meta(readOf(key)));
    if (found !== undefined) present.add(key);
    const verdict = ledger.recovered(found);
    if (verdict !== 'right') findings[verdict].push(describeFound(key, found));
  };
  await Promise.all(keys.map(compareKey));
  const dump = await client.list('lru_crawler metadump all\r\n');
  for (const [, encoded] of dump.matchAll(/^key=(\S+)/gm)) {
    const key = decodeURIComponent(encoded ?? '');
    if (!present.has(key)) findings.invented.push(`${key} is listed`);
  }
  client.close();
}

/**
 * Loads the server from all connections until they are lost. Runs `during` from the first acknowledgement on. Throws
 * the failure that stopped a writer, or ServerFailure when the server ended before `during` was done.
 */
export async function underLoad(
  server: ServerProcess,
  writers: readonly Writer[],
  random: SeededRandom,
  findings: Findings,
  during: () => Promise<unknown>,
): Promise<void> {
  const connecting = Array.from({ length: writers.length + 1 }, () =>
    WireClient.connect(server.port),
  );
  const clients = await Promise.all(connecting);
  const reader = clients.pop() as WireClient;
  const running = writers.map((writer, i) => writer.run(clients[i] as WireClient, findings));
  running.push(readOthers(reader, writers, random.fork(), findings));
  const acknowledged = new Promise<void>((resolve) => {
    findings.onAcknowledged = resolve;
  });
  const early = server.exited.then(({ code, signal }) => {
    const message = `The server ended by itself (${code ?? signal}): ${server.output}`;
    throw new ServerFailure(message, code ?? undefined);
  });
  const done = Promise.race([acknowledged, early]).then(() => Promise.race([during(), early]));
  await Promise.all([done, ...running]);
}

/**
 * Returns the result of `life`. When the server neither serves nor ends for `patienceMs`, kills it and throws
 * ServerFailure. `name` says which life of which seed it was.
 */
export function livesInTime<T>(
  server: ServerProcess,
  name: string,
  patienceMs: number,
  life: Promise<T>,
): Promise<T> {
  return withinTime(patienceMs, life, () => {
    void server.kill();
    return new ServerFailure(`${name}: the server hangs: ${server.output}`, undefined);
  });
}

/**
 * Runs the loop. The data directory must be empty at first. Throws ServerFailure, above all for a server that hangs,
 * and ServerRefusal.
 */
export async function crashLoop(options: CrashLoopOptions): Promise<CrashReport> {
  const random = new SeededRandom(options.seed);
  const findings = noFindings();
  const writers = makeWriters(options.writers ?? WRITERS, random, options.valueBytesMax);
  const server = await ServerProcess.start(options.launch);
  const restartMs: number[] = [];
  try {
    const life = async (): Promise<void> => {
      await underLoad(server, writers, random, findings, async () => {
        await setTimeout(random.between(0, options.lifeMsMax));
        void server.kill();
      });
      const startedMs = performance.now();
      await server.restart();
      restartMs.push(performance.now() - startedMs);
      await compare(server.port, writers, findings);
    };
    while (restartMs.length < options.kills && options.signal?.aborted !== true) {
      const name = `seed ${options.seed}, kill ${restartMs.length + 1}`;
      await livesInTime(server, name, options.patienceMs ?? PATIENCE_MS, life());
      options.progress?.(restartMs.length, findings);
    }
    const { code } = await server.stop();
    if (code !== 0) {
      const message = `The last stop ended with ${code}: ${server.output}`;
      throw new ServerFailure(message, code ?? undefined);
    }
  } finally {
    await server.kill();
  }
  return { ...findings, kills: restartMs.length, seed: options.seed, restartMs };
}

/** Returns the report as one line. */
export function summary(report: CrashReport): string {
  const { seed, kills, acknowledged, seen, lost, invented, wrongReplies } = report;
  return (
    `seed ${seed}: ${kills} kills, ${acknowledged} writes acknowledged, ${seen} values seen, ` +
    `${lost.length} lost, ${invented.length} invented, ${wrongReplies.length} wrong replies`
  );
}
