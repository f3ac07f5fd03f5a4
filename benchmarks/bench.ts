// The tools of a case: servers on fresh directories, loads in a process of their own, and the sizes of this run.
// Invariant: everything that a case started is stopped and removed when the case ends.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EngineLoad, EngineSpec } from './engines/spec.js';
import { DEFAULT_LOAD, type LoadResult, type LoadSpec } from './load/spec.js';
import { startCluster } from './peers/clusters.js';
import { startPeer, type Peer, type PeerSettings } from './peers/peer.js';
import type { ServerProcess } from './peers/process.js';
import type { Comparison, Row } from './rounds.js';
import type { Cluster } from '../test/support/cluster/node.js';

/** The amounts to measure: `--quick` or the full set. */
export interface Sizes {
  readonly isQuick: boolean;
  readonly rounds: number;
  /** Not measured; once per server and case. */
  readonly heatUpMs: number;
  /** Not measured; at the start of each round of each server. */
  readonly warmupMs: number;
  readonly durationMs: number;
}

export const QUICK: Sizes = {
  isQuick: true,
  rounds: 3,
  heatUpMs: 500,
  warmupMs: 100,
  durationMs: 400,
};
export const FULL: Sizes = {
  isQuick: false,
  rounds: 5,
  heatUpMs: 2000,
  warmupMs: 300,
  durationMs: 2000,
};

export interface CaseResult {
  readonly rows: readonly Row[];
  readonly comparisons: readonly Comparison[];
}

export interface Case {
  readonly name: string;
  readonly title: string;
  run(bench: Bench): Promise<CaseResult>;
}

/** A started server and the way to talk to it. */
export interface Running {
  readonly peer: Peer;
  readonly process: ServerProcess;
}

const GENERATOR = fileURLToPath(new URL('load/main.js', import.meta.url));
const BARE_CLIENT = fileURLToPath(new URL('engines/main.js', import.meta.url));

export class Bench {
  readonly sizes: Sizes;
  /** Another build of Cairn, to measure in the same rounds. */
  readonly before: Peer | undefined;
  readonly #workDir: string;
  readonly #progress: (line: string) => void;
  #running: Running[] = [];
  #dirs: string[] = [];
  #clusters: Cluster[] = [];

  constructor(sizes: Sizes, workDir: string, progress: (line: string) => void, before?: Peer) {
    this.before = before;
    this.sizes = sizes;
    this.#workDir = workDir;
    this.#progress = progress;
  }

  progress(line: string): void {
    this.#progress(line);
  }

  /** Returns an empty directory on the disk under test. */
  freshDir(): string {
    const dir = mkdtempSync(join(this.#workDir, 'cairn-bench-'));
    this.#dirs.push(dir);
    return dir;
  }

  /** Starts a peer, on a fresh directory unless one is given. */
  async start(peer: Peer, settings: PeerSettings = {}, dir = this.freshDir()): Promise<Running> {
    this.#progress(`starting ${peer.name}`);
    const running = { peer, process: await startPeer(peer, dir, settings) };
    this.#running.push(running);
    return running;
  }

  async stop(running: Running, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#running = this.#running.filter((other) => other !== running);
    await running.process.stop(signal);
  }

  /** Runs a load in a process of its own. Rejects with the generator's message when it fails. */
  async load({ peer, process }: Running, load: Partial<LoadSpec>): Promise<LoadResult> {
    const spec: LoadSpec = {
      ...DEFAULT_LOAD,
      warmupMs: this.sizes.warmupMs,
      durationMs: this.sizes.durationMs,
      ...load,
      protocol: peer.protocol,
      port: process.port,
      serverPid: process.pid,
    };
    return JSON.parse(await runLoad(GENERATOR, peer.name, spec)) as LoadResult;
  }

  /** Starts three nodes of etcd, or three masters of Redis with a replica each. */
  async startCluster(engine: Cluster['engine']): Promise<Cluster> {
    this.#progress(`starting a cluster of ${engine}`);
    const cluster = await startCluster(engine, this.freshDir());
    this.#clusters.push(cluster);
    return cluster;
  }

  /** Runs a load directly on an engine. Rejects with the client's message when it fails. */
  async loadEngine(load: EngineLoad): Promise<LoadResult> {
    const { warmupMs, durationMs } = this.sizes;
    const spec: EngineSpec = { fills: false, seed: 1, warmupMs, durationMs, ...load };
    return JSON.parse(await runLoad(BARE_CLIENT, spec.client, spec)) as LoadResult;
  }

  /** Stores every key once, or `keyCount` keys whose numbers are `keyStep` apart. */
  async fill(
    running: Running,
    keyCount: number,
    valueBytes: number,
    keyStep = 1,
  ): Promise<LoadResult> {
    this.#progress(`filling ${running.peer.name} with ${keyCount} keys`);
    const result = await this.load(running, {
      mode: 'fill',
      keyCount,
      keyStep,
      valueBytes,
      readRatio: 0,
      pipeline: 64,
    });
    if (result.errors > 0) {
      throw new Error(`${running.peer.name} refused ${result.errors} of ${keyCount} keys`);
    }
    return result;
  }

  /** Stops every server and cluster of the case and removes its directories. */
  async cleanUp(): Promise<void> {
    const running = this.#running;
    this.#running = [];
    await Promise.all(running.map(async ({ process }) => process.stop('SIGKILL')));
    const clusters = this.#clusters;
    this.#clusters = [];
    await Promise.all(clusters.map((cluster) => cluster.end()));
    for (const dir of this.#dirs) rmSync(dir, { recursive: true, force: true });
    this.#dirs = [];
  }
}

async function runLoad(program: string, on: string, spec: object): Promise<string> {
  const child = spawn(process.execPath, [program, JSON.stringify(spec)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let message = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (message += String(chunk)));
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`load on ${on}: ${message.trim()}`);
  return output;
}
