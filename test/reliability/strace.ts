// Runs a server under strace with one fault: the n-th call of a kind on a file of the data directory fails,
// or kills the process. With one thread in libuv's pool, because strace counts calls by thread.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { hintName, largeValueName, parseFileName, segmentName } from '../../src/log/files.js';
import type { Launch } from '../../tools/torture/server-process.js';

export interface SystemFault {
  readonly call: string;
  /** An error's name, or SIGKILL. */
  readonly effect: string;
  /** From 1: which of the calls. */
  readonly nth: number;
  /** That call and all after it. */
  readonly always: boolean;
}

export function describeFault({ call, effect, nth, always }: SystemFault): string {
  return `${effect} at ${call} number ${nth}${always ? ' and all after it' : ''}`;
}

/** The server of `launch` with the fault; what strace saw goes to the file `trace`. */
export function faultyLaunch(
  launch: Launch,
  strace: string,
  dataDir: string,
  trace: string,
  { call, effect, nth, always }: SystemFault,
): Launch {
  const what = effect === 'SIGKILL' ? 'signal=SIGKILL' : `error=${effect}`;
  const inject = `inject=${call}:${what}:when=${nth}${always ? '+' : ''}`;
  const paths = pathsOf(dataDir).flatMap((path) => ['-P', path]);
  return {
    ...launch,
    command: strace,
    // -D: the server stays our child, strace watches from beside.
    args: ['-D', '-f', '-qq', '-o', trace, ...paths, '-e', `trace=${call}`, '-e', inject].concat(
      launch.command,
      launch.args,
    ),
    env: { ...launch.env, UV_THREADPOOL_SIZE: '1' },
  };
}

/** How often the fault struck; call it when the server has ended. */
export async function countStrikes(trace: string): Promise<number> {
  // strace, beside the server, may be a moment behind.
  for (let wait = 0; wait < 50; wait++) {
    const text = readFileSync(trace, 'latin1');
    if (/^\d+ \+\+\+ (exited|killed)/m.test(text) || text.includes('(INJECTED)')) {
      return text.split('(INJECTED)').length - 1;
    }
    await setTimeout(2);
  }
  return 0;
}

/** Every file that a life of the server may touch: those that are there, and those it would make next. */
function pathsOf(dataDir: string): string[] {
  const names = new Set(['', 'LOCK', 'MANIFEST', 'MANIFEST.tmp', 'snapshot.json', 'IMAGE']);
  let last = 0;
  let generation = 0;
  let largeId = 0;
  for (const name of readdirSync(dataDir)) {
    names.add(name);
    const parsed = parseFileName(name);
    if (parsed.kind === 'large-value') largeId = Math.max(largeId, parsed.id);
    if (parsed.kind !== 'segment') continue;
    last = Math.max(last, parsed.last);
    generation = Math.max(generation, parsed.generation);
  }
  for (let id = 1; id <= largeId + 12; id++) names.add(largeValueName(id));
  for (let number = Math.max(1, last - 4); number <= last + 6; number++) {
    for (let g = 0; g <= generation + 3; g++) {
      names.add(segmentName(number, g));
      names.add(hintName(number, g));
    }
  }
  const all = [...names].flatMap((name) =>
    name === '' || name.endsWith('.tmp') ? [name] : [name, `${name}.tmp`],
  );
  return all.map((name) => join(dataDir, name));
}
