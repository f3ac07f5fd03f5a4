// The time from the start of the process to its first answer, after kill -9 and after a clean stop. Redis, beside it,
// loads the append-only file of the same data. The files of both are in the page cache.

import type { Bench, Case, CaseResult, Running } from '../bench.js';
import { budget, findPeers, startFilled } from '../figure-case.js';
import { CAIRN, REDIS } from '../peers/catalog.js';
import type { Peer } from '../peers/peer.js';
import { alternate, compare, rowsOf, type Contender } from '../rounds.js';

const VALUE_BYTES = 100;
const UNIT = 's to the first answer';
const AFTER_CLEAN_STOP = 'cairn, clean stop';
const CLEAN_START_SECONDS_MAX = 0.5;
/** The number of keys for which the budget of a clean start is set; its seconds scale with the keys. */
const CLEAN_START_KEYS = 2_000_000;

/** Stops the server by the given signal, then times its next start on the same directory. */
function restarts(
  bench: Bench,
  server: string,
  peer: Peer,
  state: { running: Running; readonly dir: string },
  signal: NodeJS.Signals,
): Contender {
  return {
    server,
    unit: UNIT,
    measure: async () => {
      await bench.stop(state.running, signal);
      state.running = await bench.start(peer, {}, state.dir);
      return { value: state.running.process.readyAfterMs / 1000 };
    },
  };
}

function startCase(name: string, keyCountOf: (bench: Bench) => number): Case {
  const run = async (bench: Bench): Promise<CaseResult> => {
    const keyCount = keyCountOf(bench);
    const { present, missing } = findPeers(name, [CAIRN, REDIS]);
    const contenders: Contender[] = [];
    for (const peer of present) {
      const dir = bench.freshDir();
      const fill = { keyCount, valueBytes: VALUE_BYTES };
      const state = { running: await startFilled(bench, peer, fill, {}, dir), dir };
      contenders.push(restarts(bench, peer.name, peer, state, 'SIGKILL'));
      if (peer === CAIRN) {
        contenders.push(restarts(bench, AFTER_CLEAN_STOP, peer, state, 'SIGTERM'));
      }
    }
    const limit = (CLEAN_START_SECONDS_MAX * keyCount) / CLEAN_START_KEYS;
    const all = [...contenders, budget(Math.max(CLEAN_START_SECONDS_MAX, limit), UNIT)];
    const rounds = await alternate(all, 3, (line) => bench.progress(line));
    const shorter = (server: string, against: string, atMost: number) =>
      compare(name, { metric: 'value', server, against, atMost }, rounds);
    return {
      rows: [...rowsOf(name, all, rounds), ...missing],
      comparisons: [shorter('cairn', 'redis always', 0.25), shorter(AFTER_CLEAN_STOP, 'budget', 1)],
    };
  };
  return { name, title: `start after kill -9 and after a clean stop, ${name.slice(6)} keys`, run };
}

export const START = startCase('START 2 M', ({ sizes }) => (sizes.isQuick ? 200_000 : 2_000_000));
export const START_LARGE = startCase('START 10 M', ({ sizes }) =>
  sizes.isQuick ? 400_000 : 10_000_000,
);
