// Runs a server under strace, either to count the system calls on the files of its data directory, or with one fault: the
// n-th call of a kind fails, or kills the process. libuv's pool has one thread, because strace counts calls per thread: the
// n-th call is that of each thread which makes that many.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import {
  hintName,
  largeValueName,
  parseFileName,
  segmentName,
  temporaryName,
} from '../../src/log/bytes/file-names.js';
import type { Launch } from '../../tools/torture/server-process.js';

/** A kind of fault. */
export interface FaultKind {
  readonly call: string;
  /** The name of an error, or SIGKILL. */
  readonly effect: string;
  /** True: the fault hits that call and all after it. */
  readonly always: boolean;
}

export interface SystemFault extends FaultKind {
  /** The number of the call that fails, from 1. */
  readonly nth: number;
}

export function describeFault({ call, effect, nth, always }: SystemFault): string {
  return `${effect} at ${call} number ${nth}${always ? ' and all after it' : ''}`;
}

/** Returns the server of `launch` with the fault; strace writes what it saw to the file `trace`. */
export function faultyLaunch(
  launch: Launch,
  strace: string,
  dataDir: string,
  trace: string,
  { call, effect, nth, always }: SystemFault,
): Launch {
  const what = effect === 'SIGKILL' ? 'signal=SIGKILL' : `error=${effect}`;
  // With a seccomp filter the server stops only at the traced calls; but strace 6.1 sends no signal with a filter.
  const filter = effect === 'SIGKILL' ? [] : ['--seccomp-bpf'];
  const inject = [...filter, '-e', `inject=${call}:${what}:when=${nth}${always ? '+' : ''}`];
  return watchedLaunch(launch, strace, dataDir, trace, ['-e', `trace=${call}`, ...inject]);
}

/** Returns the server of `launch`, with every call on its files written to `trace`. */
export function countedLaunch(
  launch: Launch,
  strace: string,
  dataDir: string,
  trace: string,
): Launch {
  return watchedLaunch(launch, strace, dataDir, trace, [
    '--seccomp-bpf',
    '-e',
    'trace=%file,%desc',
  ]);
}

function watchedLaunch(
  launch: Launch,
  strace: string,
  dataDir: string,
  trace: string,
  expressions: readonly string[],
): Launch {
  const paths = pathsOf(dataDir).flatMap((path) => ['-P', path]);
  // -D: the server stays our child process, and strace watches it from outside.
  const how = ['-D', '-f', '-q', '-o', trace];
  return {
    ...launch,
    command: strace,
    args: [...how, ...paths, ...expressions, launch.command, ...launch.args],
    env: { ...launch.env, UV_THREADPOOL_SIZE: '1' },
  };
}

/** Returns whether the fault struck; call it when the server has ended. */
export async function didStrike(trace: string, { effect }: FaultKind): Promise<boolean> {
  const text = await ended(trace);
  if (effect !== 'SIGKILL') return text.includes('(INJECTED)');
  // SIGKILL may have hit a thread or a child of a server that was not killed, but stopped.
  return /^\d+ +\+\+\+ killed by SIGKILL/m.test(text);
}

/** Returns the calls of each kind in the trace of a life, counted in the thread that made the most. */
export async function countCalls(trace: string): Promise<ReadonlyMap<string, number>> {
  const byThread = new Map<string, number>();
  const most = new Map<string, number>();
  for (const [, thread, call] of (await ended(trace)).matchAll(/^(\d+) +(\w+)\(/gm)) {
    const count = (byThread.get(`${thread} ${call}`) ?? 0) + 1;
    byThread.set(`${thread} ${call}`, count);
    most.set(call!, Math.max(most.get(call!) ?? 0, count));
  }
  return most;
}

/** Returns the whole trace: strace, beside the server, may finish a moment after the server. */
async function ended(trace: string): Promise<string> {
  let before = '';
  for (let wait = 0; wait < 200; wait++) {
    const text = existsSync(trace) ? readFileSync(trace, 'latin1') : '';
    const ends = new Set([...text.matchAll(/^(\d+) +\+\+\+/gm)].map(([, thread]) => thread));
    const seen = new Set([...text.matchAll(/^(\d+) /gm)].map(([, thread]) => thread));
    if (text !== '' && text === before && ends.size === seen.size) return text;
    before = text;
    await setTimeout(5);
  }
  return before;
}

/** Returns every file that a life of the server may touch: the existing files, and the ones it would make next. */
function pathsOf(dataDir: string): string[] {
  const names = new Set(['', 'LOCK', 'MANIFEST', 'snapshot.json', 'IMAGE']);
  let last = 0;
  let largeId = 0;
  const generations = new Set([0, 1, 2]);
  for (const name of existsSync(dataDir) ? readdirSync(dataDir) : []) {
    names.add(name);
    const parsed = parseFileName(name);
    if (parsed.kind === 'large-value') largeId = Math.max(largeId, parsed.id);
    if (parsed.kind !== 'segment') continue;
    last = Math.max(last, parsed.last);
    for (const next of [1, 2]) generations.add(parsed.generation + next);
  }
  for (let id = largeId + 1; id <= largeId + 12; id++) names.add(largeValueName(id));
  for (let number = Math.max(1, last - 4); number <= last + 6; number++) {
    for (const generation of generations) {
      names.add(segmentName(number, generation));
      names.add(hintName(number, generation));
    }
  }
  const all = [...names].flatMap((name) =>
    name === '' || name.endsWith('.tmp') ? [name] : [name, temporaryName(name, '1')],
  );
  return all.map((name) => join(dataDir, name));
}
