// Every system call on the data directory fails in turn, once or for good, or kills the process there: during
// recovery, writes, rotation, compaction, snapshot and the stop. Then a start without faults, and the ledger.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { compare, makeWriters } from '../../../tools/torture/crash-loop.js';
import {
  noFindings,
  readOf,
  ServerRefusal,
  stateOf,
  type Writer,
} from '../../../tools/torture/load.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import {
  cairnLaunch,
  ServerFailure,
  ServerProcess,
} from '../../../tools/torture/server-process.js';
import { ConnectionLost, WireClient } from '../../../tools/torture/wire-client.js';
import { EXIT } from '../../../src/exit-codes.js';
import { findProgram } from '../../support/programs.js';
import { temporaryFolder } from '../../support/servers.js';
import { askControl } from '../control.js';
import type { Budget, FaultRow, Skipped, Tried } from '../row.js';
import { countStrikes, describeFault, faultyLaunch, type SystemFault } from '../strace.js';

const CALLS = [
  'openat',
  'pwrite64',
  'fdatasync',
  'fsync',
  'rename',
  'unlink',
  'pread64',
  'ftruncate',
  'statx',
  'getdents64',
  'statfs',
  'close',
  'mkdir',
];
const ERRORS = ['EIO', 'ENOSPC', 'EROFS', 'EMFILE'];
/** What docs/errors.md knows for a disk that fails. */
const EXITS: readonly number[] = [EXIT.ok, EXIT.system, EXIT.io, EXIT.poisoned];
const FLAGS = ['--segment-size', '1m', '--compact-min', '64k', '--snapshot', 'never'];
const VALUE_BYTES_MAX = 1_300_000;
const WRITERS = 3;
const CHAINS = 2;
const PATIENCE_MS = 30_000;

export const failingCalls: FaultRow = {
  name: 'failing-calls',
  fault:
    'The n-th system call on the data directory fails (EIO, ENOSPC, EROFS, EMFILE) or is the last',
  required:
    'A documented reply or exit code; the next start finds everything acknowledged and nothing else',
  injection: 'strace -e inject, during recovery, load, compaction, snapshot and stop',
  try: sweep,
};

async function sweep({ tier, seed }: Budget): Promise<Tried | Skipped> {
  const strace = findProgram('strace');
  if (strace === undefined) return { needs: 'strace' };
  const random = new SeededRandom(seed);
  const chains = Array.from({ length: CHAINS }, () => new Chain(strace, random.fork()));
  try {
    const plan = tier === 'fast' ? sample(random, 12) : CALLS.flatMap(effectsOf);
    await Promise.all(chains.map((chain) => work(chain, plan, tier === 'long')));
  } finally {
    await Promise.all(chains.map((chain) => chain.end()));
  }
  return report(chains);
}

type Kind = Omit<SystemFault, 'nth'> & { readonly nth?: number };

/** Takes kinds of fault off the plan; in the long tier each at a growing n, until none strikes. */
async function work(chain: Chain, plan: Kind[], isLong: boolean): Promise<void> {
  for (let kind = plan.shift(); kind !== undefined; kind = plan.shift()) {
    if (!isLong) {
      await chain.run({ ...kind, nth: kind.nth ?? 1 });
      continue;
    }
    for (let nth = 1; await chain.run({ ...kind, nth }); nth = Math.ceil(nth * 1.3)) {
      // Until it strikes no more.
    }
  }
}

function effectsOf(call: string): Kind[] {
  const errors = ERRORS.flatMap((effect) =>
    [false, true].map((always) => ({ call, effect, always })),
  );
  return [...errors, { call, effect: 'SIGKILL', always: false }];
}

function sample(random: SeededRandom, count: number): Kind[] {
  return Array.from({ length: count }, () => {
    const call = random.pick(CALLS.slice(0, 7));
    const always = random.chance(0.4);
    const effect = random.chance(0.25) ? 'SIGKILL' : random.pick(ERRORS);
    const nth = Math.ceil(1 + random.fraction() ** 2 * 25);
    return { call, effect, always: always && effect !== 'SIGKILL', nth };
  });
}

function report(chains: readonly Chain[]): Tried {
  const sum = (of: (chain: Chain) => number): number =>
    chains.reduce((total, chain) => total + of(chain), 0);
  const exits = new Map<string, number>();
  for (const chain of chains) {
    for (const [exit, count] of chain.exits) exits.set(exit, (exits.get(exit) ?? 0) + count);
  }
  const codes = [...exits]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([exit, count]) => `${exit}: ${count}`);
  const acknowledged = sum(({ findings }) => findings.acknowledged);
  return {
    tried: sum(({ struck }) => struck),
    failures: chains.flatMap(({ failures }) => failures),
    figure:
      `${sum(({ cases }) => cases)} faulty lives, ${acknowledged} writes acknowledged, ` +
      `${sum(({ refused }) => refused)} refused; ended by ${codes.join(', ')}`,
  };
}

/** One directory that lives through fault after fault. */
class Chain {
  readonly findings = noFindings();
  readonly failures: string[] = [];
  readonly exits = new Map<string, number>();
  cases = 0;
  struck = 0;
  refused = 0;
  readonly #strace: string;
  readonly #folder = temporaryFolder();
  readonly #dir = join(this.#folder, 'data');
  readonly #random: SeededRandom;
  readonly #writers: readonly Writer[];
  readonly #launch = cairnLaunch(this.#dir, ['-I', '2m', '-m', '4', ...FLAGS]);
  #healthy: ServerProcess | undefined;

  constructor(strace: string, random: SeededRandom) {
    this.#strace = strace;
    this.#random = random;
    this.#writers = makeWriters(WRITERS, random, VALUE_BYTES_MAX);
  }

  /** A life with the fault and one without. False when the fault never struck. */
  async run(fault: SystemFault): Promise<boolean> {
    if (this.#healthy === undefined) await this.#live();
    this.cases += 1;
    const trace = join(this.#folder, 'trace');
    const broken = this.findings.wrongReplies.length;
    const exit = await this.#faultyLife(fault, trace);
    this.exits.set(exit, (this.exits.get(exit) ?? 0) + 1);
    const strikes =
      fault.effect === 'SIGKILL' ? Number(exit === 'SIGKILL') : await countStrikes(trace);
    this.struck += Math.min(1, strikes);
    await this.#live(describeFault(fault));
    for (const reply of this.findings.wrongReplies.slice(broken)) {
      this.failures.push(`${describeFault(fault)}: ${reply}`);
    }
    return strikes > 0;
  }

  async end(): Promise<void> {
    await this.#healthy?.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Start, load, compaction, snapshot, stop; how it ended. */
  async #faultyLife(fault: SystemFault, trace: string): Promise<string> {
    const launch = faultyLaunch(this.#launch, this.#strace, this.#dir, trace, fault);
    let server: ServerProcess;
    try {
      server = await ServerProcess.start(launch);
    } catch (error) {
      if (!(error instanceof ServerFailure)) throw error;
      return this.#judgeExit(fault, error.code, error.message);
    }
    if (!(await this.#endsInTime(this.#loadAndStop(server), describeFault(fault), server))) {
      return 'hung';
    }
    const { code, signal } = await server.exited;
    return this.#judgeExit(fault, signal === null ? (code ?? undefined) : undefined, server.output);
  }

  /** Kills a server that leaves the work of its life unanswered, and notes it. */
  async #endsInTime(work: Promise<void>, life: string, server: ServerProcess): Promise<boolean> {
    const late = setTimeout(PATIENCE_MS, true, { ref: false });
    if (!(await Promise.race([work.then(() => false), late]))) return true;
    this.failures.push(`${life}: the server hangs: ${server.output}`);
    await server.kill();
    // The loss of its connections ends the work, if by nothing else.
    await work.catch(() => undefined);
    return false;
  }

  #judgeExit(fault: SystemFault, code: number | undefined, output: string): string {
    const isKilled = code === undefined && fault.effect === 'SIGKILL';
    if (!isKilled && (code === undefined || !EXITS.includes(code)))
      this.failures.push(`${describeFault(fault)}: it ended with ${code}: ${output}`);
    return isKilled ? 'SIGKILL' : `exit ${code}`;
  }

  async #loadAndStop(server: ServerProcess): Promise<void> {
    await this.#load(server, 8);
    for (const command of ['compact', 'snapshot'] as const) {
      const request = command === 'compact' ? { command, everything: true } : { command };
      // Refused or cut off: what counts is what the next start finds.
      await askControl(this.#dir, request).catch(() => undefined);
    }
    await this.#load(server, 3);
    await server.stop();
  }

  async #load(server: ServerProcess, steps: number): Promise<void> {
    const write = async (writer: Writer): Promise<void> => {
      const client = await WireClient.connect(server.port);
      for (let step = 0; step < steps; step++) {
        const outcome = await writer.writeUnderFaults(client, this.findings);
        if (outcome === 'refused') this.refused += 1;
        if (outcome === 'unknown') break;
        await this.#look(client, writer);
      }
      client.close();
    };
    const results = await Promise.allSettled(this.#writers.map(write));
    for (const result of results) {
      if (result.status === 'rejected' && !isLostConnection(result.reason)) throw result.reason;
    }
  }

  /** A read may fail, but never lie. */
  async #look(client: WireClient, writer: Writer): Promise<void> {
    const [key, ledger] = this.#random.pick([...writer.ledgers]);
    try {
      const verdict = ledger.seen(stateOf(await client.meta(readOf(key))));
      this.findings.seen += 1;
      if (verdict !== 'right') this.failures.push(`a read of ${key} was ${verdict}`);
    } catch (error) {
      if (!(error instanceof ServerRefusal)) throw error;
    }
  }

  /** A healthy life: it must start and hold what the ledger says. Ends by kill -9. */
  async #live(after = 'nothing'): Promise<void> {
    const server = (this.#healthy ??= await ServerProcess.start(this.#launch));
    if (after !== 'nothing') await server.restart();
    const { lost, invented } = this.findings;
    const before = [lost.length, invented.length];
    const work = compare(server.port, this.#writers, this.findings).then(() =>
      this.#load(server, 3),
    );
    await this.#endsInTime(work, `the life after ${after}`, server);
    this.failures.push(
      ...lost.slice(before[0]).map((what) => `${after}: lost: ${what}`),
      ...invented.slice(before[1]).map((what) => `${after}: invented: ${what}`),
    );
    await server.kill();
  }
}

function isLostConnection(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  return ['ECONNREFUSED', 'ECONNRESET'].includes((error as NodeJS.ErrnoException).code ?? '');
}
