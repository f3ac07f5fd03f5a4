// Connections for a single request: runs clients.pl and sums up how long its clients waited.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Running } from '../bench.js';
import { hasProgram } from '../peers/process.js';
import type { Sample } from '../rounds.js';
import { processCpu } from './generator.js';
import { LatencyHistogram } from './histogram.js';

/** It is not compiled, so it lies beside the source. */
const CLIENTS = fileURLToPath(new URL('../../../benchmarks/load/clients.pl', import.meta.url));
const US_PER_MS = 1000;

/** Returns the reason why clients cannot run here; undefined when they can. */
export function clientsMissing(): string | undefined {
  return hasProgram('perl') ? undefined : "missing: needs Debian's perl";
}

async function output(args: readonly string[]): Promise<string> {
  const child = spawn('perl', [CLIENTS, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  let message = '';
  child.stdout.on('data', (chunk) => (text += String(chunk)));
  child.stderr.on('data', (chunk) => (message += String(chunk)));
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`clients.pl: ${message.trim()}`);
  return text;
}

/** `cycle` runs clients one after the other, `storm` all at once. `value` is the mean in µs. */
export async function runClients(
  { process }: Running,
  mode: 'cycle' | 'storm',
  count: number,
): Promise<Sample> {
  const before = processCpu(process.pid);
  const lines = (await output([mode, `${process.port}`, `${count}`])).trim().split('\n');
  const after = processCpu(process.pid);
  const latency = new LatencyHistogram();
  for (const line of lines) latency.record(Number(line) / US_PER_MS);
  const summary = latency.summary();
  return {
    ...summary,
    value: summary.avgMs * US_PER_MS,
    // During a storm the server serves other clients too, so its CPU time is not that of the storm.
    ...(mode === 'cycle'
      ? {
          cpuUs: (after.totalUs - before.totalUs) / count,
          userUs: (after.userUs - before.userUs) / count,
        }
      : {}),
  };
}
