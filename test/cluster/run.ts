// `npm run cluster`: a cluster on this machine for anyone that tries Cairn over it. It starts the nodes on the loopback in a
// fresh directory, prints the command line of a server over them, and ends them at Ctrl-C.
//
// Invariant: the nodes end with this process, and the directory is removed with them unless --keep names it.

import { mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { Argument } from 'commander';

import { count } from '../../src/config/values.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { addExamples, createProgram, runTool, ToolError } from '../../tools/terminal/program.js';
import { startEtcd } from '../support/cluster/etcd-nodes.js';
import type { Cluster } from '../support/cluster/node.js';
import { startRedisCluster } from '../support/cluster/redis-nodes.js';
import { findProgram } from '../support/programs.js';
import { removeFolder } from '../support/remove-folder.js';

interface Options {
  readonly replicas: number;
  readonly keep?: string;
}

await runTool('cluster', main);

async function main(): Promise<ExitCode> {
  const program = createProgram('cluster', 'Start a cluster on this machine, to try Cairn over it.')
    .addArgument(new Argument('<engine>', 'the engine of the cluster').choices(['etcd', 'redis']))
    .option('--replicas <n>', 'replicas of each of the three Redis masters', count(0, 5), 1)
    .option('--keep <dir>', 'keep the data in this directory, which must be empty or not exist');
  addExamples(program, [
    ['npm run cluster -- etcd', 'three nodes of etcd'],
    ['npm run cluster -- redis --replicas 2', 'three masters with two replicas each'],
  ]);
  program.addHelpText(
    'after',
    '\nCtrl-C ends all nodes and removes their directory.\n' +
      'Exit codes: 0 ended by a signal, 64 wrong use or the engine is not installed.',
  );
  program.parse();
  const engine = program.args[0] === 'etcd' ? 'etcd' : 'redis';
  return serve(engine, program.opts<Options>());
}

async function serve(engine: Cluster['engine'], options: Options): Promise<ExitCode> {
  const name = engine === 'etcd' ? 'etcd' : 'redis-server';
  const program = findProgram(name);
  if (program === undefined) {
    const debianPackage = engine === 'etcd' ? 'etcd-server' : 'redis-server';
    throw new ToolError(
      EXIT.usage,
      `There is no program ${name}: apt-get install ${debianPackage}`,
    );
  }
  const dir = makeDir(options.keep);
  // Ctrl-C reaches this process twice, from the terminal and from npm: the second signal must not cut the end short.
  const ended = new Promise<void>((end) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => end());
  });
  try {
    const starting =
      engine === 'etcd'
        ? startEtcd({ program, dir })
        : startRedisCluster({ program, dir, replicas: options.replicas });
    const cluster = await starting;
    say(cluster, dir);
    await ended;
    process.stderr.write('Ending the nodes\n');
    await cluster.end();
  } finally {
    if (options.keep === undefined) removeFolder(dir);
    else process.stderr.write(`The data and the logs are in ${dir}\n`);
  }
  return EXIT.ok;
}

function makeDir(keep: string | undefined): string {
  if (keep === undefined) return mkdtempSync(join(tmpdir(), 'cairn-cluster-'));
  const dir = resolve(keep);
  mkdirSync(dir, { recursive: true });
  if (readdirSync(dir).length > 0) {
    throw new ToolError(EXIT.usage, `${dir} is not empty: name a new or an empty directory`);
  }
  return dir;
}

function say({ nodes, storeUrl }: Cluster, dir: string): void {
  const width = Math.max(...nodes.map((node) => node.name.length));
  for (const node of nodes) process.stderr.write(`${node.name.padEnd(width)}  ${node.address}\n`);
  process.stderr.write(`The data and the logs are in ${dir}. Ctrl-C ends the cluster.\n`);
  process.stderr.write('A server over it, from another terminal:\n\n');
  process.stdout.write(`npm start -- --store '${storeUrl}'\n`);
}
