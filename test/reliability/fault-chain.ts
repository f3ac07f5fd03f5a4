// One data directory that goes through system call faults. Each faulty life of a server is followed by one without a
// fault: start, comparison with the ledger, some load, kill -9.
//
// Invariants:
// - Each life ends within PATIENCE_MS; otherwise it is killed and counts as a failure.
// - A failure names its fault and the line that tries faults of this kind again.

import { join } from 'node:path';

import { EXIT } from '../../src/exit-codes.js';
import { askServer } from '../../tools/compact/control-client.js';
import { ToolError } from '../../tools/terminal/program.js';
import { isKvError } from '../../src/errors.js';
import { compare, makeWriters } from '../../tools/torture/crash-loop.js';
import {
  noFindings,
  readOf,
  ServerRefusal,
  stateOf,
  type Writer,
} from '../../tools/torture/load.js';
import type { SeededRandom } from '../../tools/torture/seeded-random.js';
import {
  cairnLaunch,
  ServerFailure,
  ServerProcess,
  type Launch,
} from '../../tools/torture/server-process.js';
import { withinTime } from '../../tools/torture/time-limit.js';
import { ConnectionLost, WireClient } from '../../tools/torture/wire-client.js';
import { temporaryFolder } from '../support/servers.js';
import {
  countCalls,
  countedLaunch,
  describeFault,
  didStrike,
  faultyLaunch,
  type SystemFault,
} from './strace.js';
import { removeFolder } from '../support/remove-folder.js';

/** The exit codes that docs/errors.md gives for a disk that fails. */
const EXITS: readonly number[] = [EXIT.ok, EXIT.system, EXIT.io, EXIT.poisoned];
const SMALL = ['-I', '2m', '-m', '4', '--segment-size', '1m', '--compact-min', '64k'];
const VALUE_BYTES_MAX = 1_300_000;
const WRITERS = 2;
/** The writes of each writer: before compaction and snapshot, after them, and in a life without a fault. */
const STEPS = { before: 5, behind: 2, healthy: 2 };
/** Far longer than a life takes on a busy machine: it only detects a hang. */
const PATIENCE_MS = 60_000;

/** The server neither did what it was asked nor ended. */
class Hang extends Error {}

export class FaultChain {
  readonly findings = noFindings();
  readonly failures: string[] = [];
  /** The ends of faulty lives: "exit 79", "SIGKILL", "hung". */
  readonly exits: string[] = [];
  struck = 0;
  refused = 0;
  readonly #strace: string;
  readonly #replay: string;
  readonly #random: SeededRandom;
  readonly #folder = temporaryFolder();
  readonly #dir = join(this.#folder, 'data');
  readonly #trace = join(this.#folder, 'trace');
  readonly #writers: readonly Writer[];
  /** Writers with a write that has no answer until the next start: before that its outcome is unknown. */
  readonly #waiting = new Set<Writer>();
  readonly #launch: Launch = {
    ...cairnLaunch(this.#dir, [...SMALL, '--snapshot', 'never']),
    startTimeoutMs: PATIENCE_MS,
  };

  /** `replay` is added to each failure. The caller must call `end`. */
  constructor(strace: string, random: SeededRandom, replay: string) {
    this.#strace = strace;
    this.#replay = replay;
    this.#random = random;
    this.#writers = makeWriters(WRITERS, random, VALUE_BYTES_MAX);
  }

  /** Runs a life with the fault and one without. Returns false when the fault never struck. */
  async run(fault: SystemFault): Promise<boolean> {
    if (this.exits.length === 0) await this.#healthyLife('nothing');
    const what = describeFault(fault);
    const wrong = this.findings.wrongReplies.length;
    const launch = faultyLaunch(this.#launch, this.#strace, this.#dir, this.#trace, fault);
    this.exits.push(await this.#life(launch, what, fault.effect === 'SIGKILL'));
    const isStruck = await didStrike(this.#trace, fault);
    if (isStruck) this.struck += 1;
    await this.#healthyLife(what);
    for (const reply of this.findings.wrongReplies.slice(wrong)) this.#fail(`${what}: ${reply}`);
    return isStruck;
  }

  /** Returns how often a life makes each system call on the directory, in the thread that makes it most. */
  async count(): Promise<ReadonlyMap<string, number>> {
    await this.#healthyLife('nothing');
    const launch = countedLaunch(this.#launch, this.#strace, this.#dir, this.#trace);
    this.exits.push(await this.#life(launch, 'the life that counts', false));
    return countCalls(this.#trace);
  }

  end(): void {
    removeFolder(this.#folder);
  }

  #fail(what: string): void {
    this.failures.push(`${what}\n      again: ${this.#replay}`);
  }

  /** Runs start, load, compaction, snapshot, load and stop; returns how the life ended. */
  async #life(launch: Launch, what: string, mayBeKilled: boolean): Promise<string> {
    let server: ServerProcess;
    try {
      server = await ServerProcess.start(launch);
    } catch (error) {
      if (!(error instanceof ServerFailure)) throw error;
      return this.#judgeExit(what, error.code, mayBeKilled, error.message);
    }
    if (!(await this.#endsInTime(this.#loadAndStop(server), what, server))) return 'hung';
    const { code, signal } = await server.exited;
    const shown = signal === null ? (code ?? undefined) : undefined;
    return this.#judgeExit(what, shown, mayBeKilled, server.output);
  }

  #judgeExit(what: string, code: number | undefined, mayBeKilled: boolean, output: string): string {
    if (code === undefined && mayBeKilled) return 'SIGKILL';
    if (code === undefined || !EXITS.includes(code))
      this.#fail(`${what}: it ended with ${code}: ${output}`);
    return `exit ${code}`;
  }

  /** Waits for the work of a life; kills a server that leaves it unanswered, and notes this as a failure. */
  async #endsInTime(work: Promise<void>, what: string, server: ServerProcess): Promise<boolean> {
    try {
      await withinTime(PATIENCE_MS, work, () => new Hang());
      return true;
    } catch (error) {
      await server.kill();
      if (!(error instanceof Hang)) throw error;
      this.#fail(`${what}: the server hangs: ${server.output}`);
      return false;
    }
  }

  async #loadAndStop(server: ServerProcess): Promise<void> {
    await this.#load(server, STEPS.before);
    for (const command of ['compact', 'snapshot'] as const) {
      const request = command === 'compact' ? { command, everything: true } : { command };
      // The request may be refused or cut off: what counts is what the next start finds.
      await askServer(this.#dir, request).catch(ignoreRefusal);
    }
    await this.#load(server, STEPS.behind);
    await server.stop();
  }

  async #load(server: ServerProcess, steps: number): Promise<void> {
    const write = async (writer: Writer): Promise<void> => {
      const client = await WireClient.connect(server.port);
      this.#waiting.add(writer);
      for (let step = 0; step < steps; step++) {
        const outcome = await writer.writeUnderFaults(client, this.findings);
        if (outcome === 'unknown') return client.close();
        if (outcome === 'refused') this.refused += 1;
        await this.#look(client, writer);
      }
      this.#waiting.delete(writer);
      client.close();
    };
    const results = await Promise.allSettled(
      this.#writers.filter((writer) => !this.#waiting.has(writer)).map(write),
    );
    for (const result of results) {
      if (result.status === 'rejected' && !isLostConnection(result.reason)) throw result.reason;
    }
  }

  /** Reads keys of a writer: a read may fail, but must never be wrong. */
  async #look(client: WireClient, writer: Writer): Promise<void> {
    const [key, ledger] = this.#random.pick([...writer.ledgers]);
    try {
      const verdict = ledger.seen(stateOf(await client.meta(readOf(key))));
      this.findings.seen += 1;
      if (verdict !== 'right') this.#fail(`a read of ${key} was ${verdict}`);
    } catch (error) {
      if (!(error instanceof ServerRefusal)) throw error;
    }
  }

  /** Starts without a fault: the server must start and hold what the ledger says. Ends by kill -9. */
  async #healthyLife(after: string): Promise<void> {
    const server = await ServerProcess.start(this.#launch);
    const { lost, invented } = this.findings;
    const before = [lost.length, invented.length];
    this.#waiting.clear();
    const work = compare(server.port, this.#writers, this.findings).then(() =>
      this.#load(server, STEPS.healthy),
    );
    await this.#endsInTime(work, `the life after ${after}`, server);
    for (const what of lost.slice(before[0])) this.#fail(`${after}: lost: ${what}`);
    for (const what of invented.slice(before[1])) this.#fail(`${after}: invented: ${what}`);
    await server.kill();
  }
}

/** Accepts what the control socket may answer while calls fail: an error of the store, or no answer at all. */
function ignoreRefusal(error: unknown): void {
  if (!isKvError(error) && !(error instanceof ToolError) && !isLostConnection(error)) throw error;
}

function isLostConnection(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  return ['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  );
}
