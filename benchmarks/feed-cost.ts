// The cost of the change feed. First the server's CPU time per durable set of 100 bytes, in turns with no follower,
// with one, and with eight that take values too. Then the speed at which a follower that begins at 0 gets the whole
// log.
//   node dist/benchmarks/feed-cost.js [--rounds 11] [--ms 1000]
// CPU time varies least on a busy machine.

import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import Table from 'cli-table3';
import { Command } from 'commander';

import { Connection } from '../tools/client/connection.js';
import { askedUrl } from '../tools/client/feed.js';
import { cairnLaunch, ServerProcess } from '../tools/torture/server-process.js';
import { WireClient } from '../tools/torture/wire-client.js';

const CLIENTS = 20;
const KEYS = 1000;
const FOLLOWERS = [0, 1, 8];
const VALUE = 'v'.repeat(100);
/** The unit of the times in /proc: a hundredth of a second on every Linux. */
const TICK_MS = 10;
const LINE_FEED = 0x0a;

const { rounds, ms } = new Command('feed-cost')
  .option('--rounds <n>', 'rounds for each number of followers', '11')
  .option('--ms <n>', 'length of a round', '1000')
  .parse()
  .opts<{ rounds: string; ms: string }>();
const dir = await mkdtemp(join(tmpdir(), 'cairn-feed-cost-'));
const server = await ServerProcess.start(cairnLaunch(dir, ['--http', '-1']));
try {
  await measure(Number(rounds), Number(ms));
} finally {
  await server.kill();
  rmSync(dir, { recursive: true, force: true });
}

async function measure(roundCount: number, roundMs: number): Promise<void> {
  const endpoint = { kind: 'tcp', host: '127.0.0.1', port: server.port } as const;
  const asking = await Connection.open(endpoint, { timeoutMs: 5000 });
  const url = await askedUrl(asking, endpoint);
  await asking.close();
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, () => WireClient.connect(server.port)),
  );
  await load(clients, roundMs);
  const costs = new Map<number, number[]>(FOLLOWERS.map((count) => [count, []]));
  for (let round = 0; round < roundCount; round += 1) {
    for (const [count, found] of costs) {
      const feeds = await Promise.all(
        Array.from({ length: count }, () => follow(`${url}/changes?values=1`)),
      );
      for (const feed of feeds) feed.resume();
      found.push(await load(clients, roundMs));
      for (const feed of feeds) feed.destroy();
    }
  }
  const table = new Table({ head: ['followers', 'CPU µs per set', 'least', 'most'] });
  for (const [count, found] of costs) {
    const sorted = found.toSorted((a, b) => a - b);
    const shown = [sorted[sorted.length >> 1], sorted[0], sorted.at(-1)];
    table.push([count, ...shown.map((each) => each?.toFixed(1))]);
  }
  process.stdout.write(`${table.toString()}\n${await replay(url)}\n`);
  for (const client of clients) client.close();
}

/** Returns the CPU time of the server per set, in µs. */
async function load(clients: readonly WireClient[], roundMs: number): Promise<number> {
  const beganMs = cpuMs();
  const end = performance.now() + roundMs;
  let count = 0;
  await Promise.all(
    clients.map(async (client, id) => {
      while (performance.now() < end) {
        const key = `k${id}-${count % KEYS}`;
        await client.line(`set ${key} 0 0 ${VALUE.length}\r\n${VALUE}\r\n`);
        count += 1;
      }
    }),
  );
  return ((cpuMs() - beganMs) * 1000) / count;
}

/** Returns the CPU time of the server so far, in user and system mode. */
function cpuMs(): number {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function follow(url: string): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: false }, (response) => {
      response.on('error', () => undefined);
      resolve(response);
    });
    request.on('error', reject);
  });
}

async function replay(url: string): Promise<string> {
  const response = await follow(`${url}/changes?after=0&wait=0`);
  const beganMs = performance.now();
  let lines = 0;
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1))
      lines += 1;
  }
  const seconds = (performance.now() - beganMs) / 1000;
  const rate = Math.round(lines / seconds);
  return `the whole log: ${lines} changes, ${bytes} bytes, ${seconds.toFixed(2)} s: ${rate} changes per second`;
}
