// Every system call on the data directory fails in turn, once or for good, or kills the process there: during recovery,
// writes, rotation, compaction, snapshot and the stop. A start without faults follows, and the comparison with the ledger.
//
// The long tier first counts the calls of a life, so that it knows which calls there are and about how many faults that
// makes. Then each kind of fault has a directory of its own, and strikes at growing n until it strikes no more.

import { crc32 } from 'node:zlib';

import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import { findProgram } from '../../support/programs.js';
import { FaultChain } from '../fault-chain.js';
import { watchRow } from '../progress.js';
import type { Budget, FaultRow, Skipped, Tried } from '../row.js';
import type { FaultKind, SystemFault } from '../strace.js';

/** Calls that a life makes often; the fast tier draws from them. */
const COMMON = ['openat', 'pwrite64', 'fdatasync', 'fsync', 'rename', 'unlink', 'pread64'];
/** Calls that a counted life may lack. */
const RARE = ['ftruncate', 'statx', 'getdents64', 'statfs', 'close', 'mkdir'];
const ERRORS = ['EIO', 'ENOSPC', 'EROFS', 'EMFILE'];
/** The number of directories at a time: a server below strace waits a lot. */
const CHAINS = 2;
/** Every n up to this one is tried; beyond, where a life repeats its calls, only some. */
const EVERY_NTH_UP_TO = 8;
const SPREAD = 1.4;

export const failingCalls: FaultRow = {
  name: 'failing-calls',
  fault:
    'The n-th system call on the data directory fails (EIO, ENOSPC, EROFS, EMFILE) or is the last one',
  required:
    'Every reply and exit code is a documented one; the next start finds everything acknowledged and nothing else',
  injection: 'strace -e inject, during recovery, load, compaction, snapshot and stop',
  try: async (budget) => {
    const strace = findProgram('strace');
    if (strace === undefined) return { needs: 'strace' } satisfies Skipped;
    return budget.tier === 'fast' ? trySome(strace, budget) : tryAll(strace, budget);
  },
};

async function trySome(strace: string, { seed }: Budget): Promise<Tried> {
  const random = new SeededRandom(seed);
  const chains = Array.from(
    { length: CHAINS },
    () => new FaultChain(strace, random.fork(), `--row failing-calls --seed ${seed}`),
  );
  const plan = Array.from({ length: 12 }, () => draw(random));
  await Promise.all(
    chains.map(async (chain) => {
      try {
        for (let fault = plan.shift(); fault !== undefined; fault = plan.shift())
          await chain.run(fault);
      } finally {
        chain.end();
      }
    }),
  );
  return report(chains, '');
}

function draw(random: SeededRandom): SystemFault {
  const call = random.pick(COMMON);
  const always = random.chance(0.4);
  const effect = random.chance(0.25) ? 'SIGKILL' : random.pick(ERRORS);
  const nth = Math.ceil(1 + random.fraction() ** 2 * 25);
  return { call, effect, always: always && effect !== 'SIGKILL', nth };
}

async function tryAll(strace: string, { seed, only }: Budget): Promise<Tried> {
  const counter = new FaultChain(strace, new SeededRandom(seed), `--seed ${seed}`);
  const counts = await countOf(counter);
  const all = [...counts.keys()].flatMap(effectsOf);
  const kinds = all.filter((kind) => only === undefined || nameOf(kind).includes(only));
  const total = kinds.reduce((sum, { call }) => sum + countNths(counts.get(call) ?? 0), 0);
  const progress = await watchRow('failing-calls', 'faults', total);
  const chains = [counter];
  let done = 0;
  const work = async (): Promise<void> => {
    for (let kind = kinds.shift(); kind !== undefined; kind = kinds.shift()) {
      // The randomness comes from the kind's name, so it is the same whichever other kinds are tried.
      const random = new SeededRandom(seed + crc32(nameOf(kind)));
      const replay = `npm run reliability -- --long --row failing-calls --seed ${seed} --only ${nameOf(kind)}`;
      const chain = new FaultChain(strace, random, replay);
      chains.push(chain);
      try {
        await exhaust(chain, kind, () => progress.at((done += 1)));
      } finally {
        chain.end();
      }
      for (const failure of chain.failures) process.stderr.write(`failing-calls: ${failure}\n`);
    }
  };
  try {
    await Promise.all(Array.from({ length: CHAINS }, work));
  } finally {
    progress.stop();
  }
  const listed = [...counts].map(([call, count]) => `${call} ${count}`).join(', ');
  return report(chains, `; calls a life makes: ${listed}`);
}

/** Injects the fault at growing n until it strikes no more. */
async function exhaust(chain: FaultChain, kind: FaultKind, onFault: () => void): Promise<void> {
  for (let nth = 1; await chain.run({ ...kind, nth }); nth = after(nth)) onFault();
}

const after = (nth: number): number => (nth < EVERY_NTH_UP_TO ? nth + 1 : Math.ceil(nth * SPREAD));

/** Returns how many n are tried for so many calls. */
function countNths(calls: number): number {
  let count = 0;
  for (let nth = 1; nth <= calls; nth = after(nth)) count += 1;
  return count;
}

/** Returns the calls of some lives and how often each life makes them, at most. */
async function countOf(chain: FaultChain): Promise<Map<string, number>> {
  const counts = new Map(RARE.map((call) => [call, 1]));
  try {
    for (let life = 0; life < 3; life++) {
      for (const [call, count] of await chain.count())
        counts.set(call, Math.max(counts.get(call) ?? 0, count));
    }
  } finally {
    chain.end();
  }
  if (!counts.has('pwrite64')) throw new Error('strace told of no write of the server');
  return counts;
}

function effectsOf(call: string): FaultKind[] {
  const errors = ERRORS.flatMap((effect) =>
    [false, true].map((always) => ({ call, effect, always })),
  );
  return [...errors, { call, effect: 'SIGKILL', always: false }];
}

/** Returns the name of a kind for --only: "pwrite64:EIO:always". */
function nameOf({ call, effect, always }: FaultKind): string {
  return `${call}:${effect}:${always ? 'always' : 'once'}`;
}

function report(chains: readonly FaultChain[], more: string): Tried {
  const sum = (of: (chain: FaultChain) => number): number =>
    chains.reduce((total, chain) => total + of(chain), 0);
  const exits = chains.flatMap((chain) => chain.exits);
  const codes = [...new Set(exits)]
    .sort()
    .map((exit) => `${exit}: ${exits.filter((each) => each === exit).length}`);
  return {
    tried: sum(({ struck }) => struck),
    failures: chains.flatMap(({ failures }) => failures),
    figure:
      `${exits.length} faulty lives, ${sum(({ findings }) => findings.acknowledged)} writes acknowledged, ` +
      `${sum(({ refused }) => refused)} refused; ended by ${codes.join(', ')}${more}`,
  };
}
