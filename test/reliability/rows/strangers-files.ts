// A data directory that holds other files than ours: whatever runs in it, from the first start to a repair, changes or
// removes nothing that strangers have put there.

import { join } from 'node:path';

import { EXIT } from '../../../src/exit-codes.js';
import { cairnLaunch, ServerProcess } from '../../../tools/torture/server-process.js';
import { WireClient } from '../../../tools/torture/wire-client.js';
import { temporaryFolder } from '../../support/servers.js';
import {
  changedFiles,
  litter,
  strangersIn,
  STRANGERS_FILES,
} from '../../support/strangers-files.js';
import { runTool } from '../../support/tool-run.js';
import type { FaultRow, Tried } from '../row.js';
import { removeFolder } from '../../support/remove-folder.js';

const FLAGS = ['--segment-size', '1m', '-I', '8m'];
const DUMP = '{"key":"k","value":"v","encoding":"utf8","flags":0,"expiresAt":0,"cas":"1"}\n';

export const strangersFiles: FaultRow = {
  name: 'strangers-files',
  fault: `The data directory has strangers' *.tmp files, names like ours, directories, pipes, sockets and lost+found`,
  required:
    'Every program runs as if these files were not there; none of them is changed or removed',
  injection: `${STRANGERS_FILES} files and directories, looked at after each program`,
  try: async () => {
    const folder = temporaryFolder();
    try {
      return await runAll(folder);
    } finally {
      removeFolder(folder);
    }
  },
};

async function runAll(folder: string): Promise<Tried> {
  const dir = join(folder, 'data');
  const failures: string[] = [];
  let tried = 0;
  const look = (who: string, where: string): void => {
    tried += STRANGERS_FILES;
    const changed = changedFiles(where);
    if (changed.length > 0) failures.push(`${who} changed or removed ${changed.join(', ')}`);
  };
  const use = async (
    tool: string,
    where: string,
    code: number,
    ...args: string[]
  ): Promise<void> => {
    const run = await runTool(tool, [where, ...args], DUMP);
    if (run.code !== code) failures.push(`${tool} ended with ${run.code}: ${run.stderr}`);
    look([tool, ...args].join(' '), where);
  };
  litter(dir);
  for (const [signal, values] of [
    ['SIGKILL', 30],
    ['SIGTERM', 30],
    ['SIGTERM', 0],
  ] as const) {
    const server = await ServerProcess.start(cairnLaunch(dir, FLAGS));
    await store(server.port, values);
    look('a server', dir);
    await server.stop(signal);
    look(`a server, ended by ${signal},`, dir);
  }
  const alone = join(folder, 'alone');
  litter(alone);
  await use('kv-load', alone, EXIT.ok, '-', '--create', '--partial');
  await use('kv-compact', dir, EXIT.ok);
  await use('kv-compact', dir, EXIT.ok, '--snapshot', join(folder, 'out.json'));
  await use('kv-dump', dir, EXIT.ok);
  // kv-check names files with names of hints or large values that are none of ours.
  await use('kv-check', dir, EXIT.mendable);
  const mended = join(folder, 'mended');
  await use('kv-check', dir, EXIT.ok, '--repair', '--to', mended);
  const taken = strangersIn(mended);
  if (taken.length > 0) failures.push(`A repair took ${taken.join(', ')} of strangers along`);
  const figure = `${tried / STRANGERS_FILES} looks at ${STRANGERS_FILES} files of theirs`;
  return { tried, failures, figure };
}

/** Stores values of all kinds, twice each, so that segments rotate and are compacted. */
async function store(port: number, values: number): Promise<void> {
  const client = await WireClient.connect(port);
  for (let n = 0; n < 2 * values; n++) {
    const bytes = n % 10 === 0 ? 2 * 1024 * 1024 : 100_000;
    const reply = await client.line(`set k${n % values} 0 0 ${bytes}\r\n${'v'.repeat(bytes)}\r\n`);
    if (reply !== 'STORED') throw new Error(`A set was answered ${reply}`);
  }
  client.close();
}
