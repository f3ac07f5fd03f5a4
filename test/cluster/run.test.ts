// `npm run cluster` from its start to its end by a signal: real nodes run, and nothing is left behind.

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { requireProgram, run } from '../support/programs.js';
import { LONG } from '../support/tier.js';
import { removeFolder } from '../support/remove-folder.js';

const SCRIPT = join(import.meta.dirname, 'run.js');

interface Started {
  readonly stdout: string;
  readonly stderr: string;
  /** Sends SIGTERM, and again while the nodes end, as npm repeats a terminal's signal; resolves to the exit code. */
  readonly end: () => Promise<number>;
}

/** Resolves when the process has printed the command line of a server, and on stderr everything before it. */
async function start(args: readonly string[]): Promise<Started> {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  let wake: (() => void) | undefined;
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      said[name] += chunk.toString();
      wake?.();
    });
  }
  let hasEnded = false;
  const exited = once(child, 'exit') as Promise<[number]>;
  const ended = exited.then(() => (hasEnded = true));
  // The two outputs are two pipes, of which either may be read first.
  while (!said.stdout.includes('\n') || !said.stderr.includes('from another terminal')) {
    await Promise.race([new Promise<void>((resolve) => (wake = resolve)), ended]);
    if (hasEnded) throw new Error(`ended with ${child.exitCode}: ${said.stderr}`);
  }
  const end = async (): Promise<number> => {
    child.kill('SIGTERM');
    const runs = () => child.exitCode === null && child.signalCode === null;
    while (runs() && !said.stderr.includes('Ending the nodes')) {
      await Promise.race([once(child.stderr, 'data'), exited]);
    }
    child.kill('SIGTERM');
    return (await exited)[0];
  };
  return { ...said, end };
}

async function answers(address: string): Promise<boolean> {
  const [host = '', port] = address.split(':');
  const socket = net.connect({ host, port: Number(port) });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    // The connection was refused, so no process listens.
    return false;
  } finally {
    socket.destroy();
  }
}

async function expectCluster(engine: string, args: readonly string[], nodes: number) {
  const { stdout, stderr, end } = await start([engine, ...args]);
  const url = new RegExp(`^npm start -- --store '${engine}://([^'?]+)`).exec(stdout);
  const addresses = [...stderr.matchAll(/^\S+ +(127\.0\.0\.1:\d+)$/gm)].map(
    ([, each = '']) => each,
  );
  expect(addresses).to.have.length(nodes);
  expect(addresses).to.include.members(url?.[1]?.split(',') ?? ['no url']);
  const dir = /in (\/\S+)\. Ctrl-C/.exec(stderr)?.[1] ?? '';
  expect(readdirSync(dir).length).to.be.at.least(nodes);
  expect(await Promise.all(addresses.map(answers))).to.not.include(false);
  expect(await end()).to.equal(0);
  expect(await Promise.all(addresses.map(answers))).to.not.include(true);
  return dir;
}

describe(`npm run cluster ${LONG}`, function () {
  this.timeout(60_000);

  it('etcd: starts three nodes, and leaves nothing after a signal', async function () {
    requireProgram(this, 'etcd', 'etcd-server');
    expect(existsSync(await expectCluster('etcd', [], 3))).to.equal(false);
  });

  it('redis: starts masters and replicas, and --keep leaves the directory', async function () {
    requireProgram(this, 'redis-server', 'redis-server');
    const dir = mkdtempSync(join(tmpdir(), 'cairn-test-'));
    try {
      const kept = await expectCluster('redis', ['--replicas', '1', '--keep', dir], 6);
      expect(kept).to.equal(dir);
      expect(readdirSync(dir)).to.include('redis-1');
      const again = await run(process.execPath, [SCRIPT, 'redis', '--keep', dir]);
      expect(again.code).to.equal(64);
      expect(again.stderr).to.include(`${dir} is not empty`);
    } finally {
      removeFolder(dir);
    }
  });

  it('names the package to install when the engine is missing', async () => {
    const nowhere = ['-i', 'PATH=/nowhere', process.execPath, SCRIPT, 'redis'];
    const found = await run('/usr/bin/env', nowhere);
    // Debian's daemons are also looked for in /usr/sbin, where neither engine is.
    expect(found.stderr).to.include('cluster: There is no program redis-server');
    expect(found.stderr).to.include('apt-get install redis-server');
    expect(found.code).to.equal(64);
  });
});
