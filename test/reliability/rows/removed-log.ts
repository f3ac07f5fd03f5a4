// The log is removed, moved or replaced under a running server. The server's writes would go on to succeed, in files that
// no later start finds: it must notice by itself.

import { copyFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { ConnectionLost, WireClient } from '../../../tools/torture/wire-client.js';
import { EXIT } from '../../../src/exit-codes.js';
import { removeFolder } from '../../support/remove-folder.js';
import { ms, withServer, type Life } from '../life.js';
import type { FaultRow, Tried } from '../row.js';

/** The server looks once per second; the rest is patience with a busy machine. */
/** The server looks every second; a machine with other work gets much more. */
const NOTICED_MS_MAX = 15_000;

const segmentsOf = (dir: string): string[] =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.seg'))
    .map((name) => join(dir, name));

const WAYS: readonly (readonly [string, (dir: string) => void])[] = [
  ['rm of the segments', (dir) => segmentsOf(dir).forEach((path) => rmSync(path))],
  ['rm -r of the directory', removeFolder],
  ['mv of the directory', (dir) => renameSync(dir, `${dir}.moved`)],
  [
    'a copy put in its place',
    (dir) =>
      segmentsOf(dir).forEach((path) => {
        copyFileSync(path, `${path}.copy`);
        renameSync(`${path}.copy`, path);
      }),
  ],
];

export const removedLog: FaultRow = {
  name: 'removed-log',
  fault: 'The log is removed, moved or replaced under a running server',
  required:
    'The server notices within seconds, names the file, acknowledges nothing more and ends with the code of a poisoned log',
  injection: 'rm, rm -r, mv, cp and mv; under load and idle',
  try: async () => {
    const outcomes = await Promise.all(
      [true, false].flatMap((busy) =>
        WAYS.map(([what, takeAway]) =>
          withServer(['--snapshot', 'never'], (life) => tryWay(life, takeAway, busy)).then(
            ({ tookMs, failures }) => ({
              tookMs,
              failures: failures.map((line) => `${what}, ${busy ? 'busy' : 'idle'}: ${line}`),
            }),
          ),
        ),
      ),
    );
    return summary(outcomes);
  },
};

interface Outcome {
  readonly tookMs: number;
  readonly failures: readonly string[];
}

function summary(outcomes: readonly Outcome[]): Tried {
  const took = outcomes.map(({ tookMs }) => tookMs);
  return {
    tried: outcomes.length,
    failures: outcomes.flatMap(({ failures }) => failures),
    figure: `noticed and ended after ${ms(Math.min(...took))} to ${ms(Math.max(...took))}`,
  };
}

async function tryWay(
  { server, dir }: Life,
  takeAway: (dir: string) => void,
  busy: boolean,
): Promise<Outcome> {
  const failures: string[] = [];
  const client = await WireClient.connect(server.port);
  const first = await client.line('set k 0 0 1\r\nv\r\n');
  if (first !== 'STORED') failures.push(`before it a set was answered ${first}`);
  const load = busy ? writeUntilLost(client) : Promise.resolve([]);
  takeAway(dir);
  const startedMs = performance.now();
  const deadline = setTimeout(() => void server.kill(), NOTICED_MS_MAX);
  const { code } = await server.exited;
  clearTimeout(deadline);
  const tookMs = performance.now() - startedMs;
  const replies = await load;
  client.close();
  if (code !== EXIT.poisoned) failures.push(`ended with ${code}`);
  if (!server.output.includes(dir)) failures.push(`said only: ${server.output}`);
  const refusedAt = replies.findIndex((reply) => reply !== 'STORED');
  if (refusedAt >= 0 && replies.slice(refusedAt).includes('STORED'))
    failures.push('acknowledged again after it had refused');
  return { tookMs, failures };
}

/** Writes one key after the other until the connection is gone; returns all replies. */
async function writeUntilLost(client: WireClient): Promise<string[]> {
  const replies: string[] = [];
  try {
    for (let n = 0; ; n++) replies.push(await client.line(`set k${n} 0 0 1\r\nv\r\n`));
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    return replies;
  }
}
