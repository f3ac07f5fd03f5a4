// The time for which answers of the live page hold up the loop of a server with many keys. Each kind of answer is
// measured by itself, and beside it the same time with nothing to do, because other processes take the processor as
// well. CPU time leaves out the time in which the server waited for a processor. Garbage collections count.
//   node dist/benchmarks/page.js [--keys 1000000] [--seconds 5]

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import Table from 'cli-table3';
import { Command } from 'commander';
import type { KeyPage } from '../src/http/page/wire.js';

const KV_SERVER = join(import.meta.dirname, '../tools/kv-server.js');
/**
 * Measures, between two turns of the loop, the time that passed and the CPU time of the whole process in it. Keeps
 * the longest of each.
 */
const MONITOR = `
let [atMs, cpuUs, longest, longestOfCpu] = [performance.now(), 0, 0, 0];
const cpuNow = () => { const { user, system } = process.cpuUsage(); return user + system; };
setInterval(() => {
  const [nowMs, nowUs] = [performance.now(), cpuNow()];
  const gapMs = nowMs - atMs;
  longest = Math.max(longest, gapMs);
  longestOfCpu = Math.max(longestOfCpu, Math.min(gapMs, (nowUs - cpuUs) / 1000));
  [atMs, cpuUs] = [nowMs, nowUs];
}, 1).unref();
process.on('message', () => {
  process.send([longestOfCpu, longest]);
  [longest, longestOfCpu] = [0, 0];
});
process.channel.unref();
`;

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

async function ask(url: string): Promise<string> {
  const request = http.get(url, { agent });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const piece of response) text += String(piece);
  return text;
}

async function fill(port: number, keys: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const stored = new Promise<void>((resolve) => {
    let left = keys * 'STORED\r\n'.length;
    socket.on('data', (bytes: Buffer) => {
      left -= bytes.length;
      if (left === 0) resolve();
    });
  });
  for (let n = 0; n < keys; n += 1000) {
    const sets = Array.from({ length: 1000 }, (_, at) => {
      const value = 'v'.repeat(20 + ((n + at) % 180));
      return `set user:${(n + at) % 5000}:${n + at} 0 0 ${value.length}\r\n${value}\r\n`;
    });
    if (!socket.write(sets.join(''))) await once(socket, 'drain');
  }
  await stored;
  socket.end();
}

/** Runs `work` again and again for the given time; returns the figures of the monitor, in ms. */
async function measure(
  server: ChildProcess,
  seconds: number,
  work: () => Promise<number>,
): Promise<readonly [answers: number, ofCpu: number, longest: number]> {
  const reading = async (): Promise<readonly [number, number]> => {
    const read = once(server, 'message') as Promise<[readonly [number, number]]>;
    server.send('read');
    return (await read)[0];
  };
  await reading();
  let answers = 0;
  const endMs = performance.now() + seconds * 1000;
  while (performance.now() < endMs) answers += await work();
  return [answers, ...(await reading())];
}

function kindsOf(url: string): Readonly<Record<string, () => Promise<number>>> {
  let cursor = 0;
  return {
    'nothing to do': async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return 0;
    },
    'pages of keys': async () => {
      const page = JSON.parse(await ask(`${url}/page/keys?cursor=${cursor}`)) as KeyPage;
      ({ cursor } = page);
      return 1;
    },
    'a prefix that no key has': async () => {
      const answer = await ask(`${url}/page/keys?cursor=${cursor}&prefix=none`);
      ({ cursor } = JSON.parse(answer) as KeyPage);
      return 1;
    },
    'largest keys and prefixes': async () => {
      await ask(`${url}/page/sizes?delimiter=:`);
      return 1;
    },
    'the same below a prefix': async () => {
      await ask(`${url}/page/sizes?prefix=user:&delimiter=:`);
      return 1;
    },
    'eight that watch': async () => {
      const requests = Array.from({ length: 8 }, () => http.get(`${url}/page/live`));
      await Promise.all(requests.map(async (request) => once(request, 'response')));
      await new Promise((resolve) => setTimeout(resolve, 3000));
      for (const request of requests) request.on('error', () => undefined).destroy();
      return 8;
    },
  };
}

async function main(): Promise<void> {
  const program = new Command('page')
    .option('--keys <n>', 'keys in the store', Number, 1_000_000)
    .option('--seconds <n>', 'seconds for each kind of answer', Number, 5)
    .parse();
  const { keys, seconds } = program.opts<{ keys: number; seconds: number }>();
  const dir = mkdtempSync(join(tmpdir(), 'cairn-page-'));
  const monitor = join(dir, 'monitor.mjs');
  writeFileSync(monitor, MONITOR);
  const args = ['-l', '127.0.0.1', '-p', '-1', '--http', '-1', '--data', join(dir, 'data')];
  const server = fork(KV_SERVER, args, {
    execArgv: ['--import', monitor],
    silent: true,
  });
  try {
    let output = '';
    while (!/listening on/.test(output)) {
      const [text] = (await once(server.stderr!, 'data')) as [Buffer];
      output += text.toString();
    }
    const url = /metrics on (\S+)/.exec(output)?.[1] ?? '';
    await fill(Number(/listening on [^ ]*:(\d+)/.exec(output)?.[1]), keys);
    const table = new Table({ head: ['answers', 'count', 'longest, ms of CPU', 'longest, ms'] });
    for (const [kind, work] of Object.entries(kindsOf(url))) {
      const [count, ofCpu, longest] = await measure(server, seconds, work);
      table.push([kind, count, ofCpu.toFixed(1), longest.toFixed(1)]);
    }
    process.stdout.write(`${table.toString()}\n`);
  } finally {
    server.kill();
    await once(server, 'exit');
    rmSync(dir, { recursive: true, force: true });
  }
}

await main();
