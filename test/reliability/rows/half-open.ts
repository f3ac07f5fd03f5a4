// Clients that vanish without closing: power cut, cable pulled. Two network namespaces are connected by a cable that is
// taken down; nothing of the machine's own network is touched.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

import { findProgram } from '../../support/programs.js';
import { withServer } from '../life.js';
import { isRoot, run } from '../machine.js';
import type { Budget, FaultRow, Skipped, Tried } from '../row.js';

const HERE = '10.213.7.1';
const THERE = '10.213.7.2';
const PORT = 11_990;
/** The number of connections of each kind. */
const EACH = 5;

export const halfOpen: FaultRow = {
  name: 'half-open',
  fault: 'Clients vanish without closing: idle, in the middle of a value, with a reply under way',
  required: 'Their connections are freed: by the timeouts, and without those by keepalive',
  injection:
    'two network namespaces, the veth between them taken down (long tier: also without timeouts, 80 s)',
  try: tryHalfOpen,
};

async function tryHalfOpen({ tier }: Budget): Promise<Tried | Skipped> {
  if (!isRoot()) return { needs: 'root' };
  if (findProgram('ip') === undefined) return { needs: 'iproute2' };
  const cases = [{ flags: ['--idle-timeout', '3s', '--stall-timeout', '3s'], secondsMax: 20 }];
  if (tier === 'long') cases.push({ flags: ['--stall-timeout', '0'], secondsMax: 90 });
  const failures: string[] = [];
  const figures: string[] = [];
  for (const { flags, secondsMax } of cases) {
    let cable: Cable;
    try {
      cable = layCable();
    } catch (error) {
      return { needs: `the right to make network namespaces (${String(error).split('\n')[0]})` };
    }
    try {
      const { left, seconds } = await vanish(cable, flags, secondsMax);
      const how = flags.join(' ');
      if (left > 0) failures.push(`${how}: ${left} connections held after ${secondsMax} s`);
      figures.push(`${3 * EACH} freed after ${seconds.toFixed(0)} s with ${how}`);
    } finally {
      cable.remove();
    }
  }
  return { tried: 3 * EACH * cases.length, failures, figure: figures.join('; ') };
}

interface Cable {
  /** The namespace of the server; `there` is that of the clients. */
  readonly here: string;
  readonly there: string;
  cut(): void;
  remove(): void;
}

const laid = new Set<Cable>();
process.on('exit', () => {
  for (const cable of laid) cable.remove();
});

const ip = (...args: string[]): string => run('ip', args);

/** Lays the cable; throws the error that ip(8) prints. */
function layCable(): Cable {
  const [here, there] = [`cairn-${process.pid}-s`, `cairn-${process.pid}-c`];
  const cable: Cable = {
    here,
    there,
    cut: () => void ip('-n', there, 'link', 'set', 'veth0', 'down'),
    remove: () => {
      laid.delete(cable);
      for (const name of ip('netns', 'list')
        .split('\n')
        .map((line) => line.split(' ')[0]!))
        if (name === here || name === there) ip('netns', 'del', name);
    },
  };
  laid.add(cable);
  try {
    for (const name of [here, there]) ip('netns', 'add', name);
    ip('-n', here, 'link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth0', 'netns', there);
    for (const [name, address] of [
      [here, HERE],
      [there, THERE],
    ] as const) {
      ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'veth0');
      for (const device of ['lo', 'veth0']) ip('-n', name, 'link', 'set', device, 'up');
    }
    // A reply without an acknowledgement is then sent again for about 13 s instead of 15 minutes.
    run('ip', ['netns', 'exec', here, 'sh', '-c', 'echo 5 > /proc/sys/net/ipv4/tcp_retries2']);
  } catch (error) {
    cable.remove();
    throw error;
  }
  return cable;
}

/** Opens one connection for each request, each answered by a line or more, and then waits. */
const CLIENTS = `
  const [host, port, each, ...requests] = process.argv.slice(1);
  const answered = requests.flatMap((request) => Array.from({ length: Number(each) }, () =>
    new Promise((resolve) => {
      const socket = require('node:net').connect({ host, port });
      socket.write(JSON.parse(request));
      socket.once('data', resolve);
    })));
  Promise.all(answered).then(() => console.log('answered'));
  setInterval(() => {}, 1000);
`;

/** Resolves when all requests are answered. */
async function connectClients(
  namespace: string,
  host: string,
  each: number,
  requests: readonly string[],
): Promise<ChildProcess> {
  const words = [host, `${PORT}`, `${each}`, ...requests.map((request) => JSON.stringify(request))];
  const child = spawn(
    'ip',
    ['netns', 'exec', namespace, process.execPath, '-e', CLIENTS, ...words],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  return child;
}

/** Returns how many connections are still held, at the latest after `secondsMax`, and how long the server took. */
function vanish(
  cable: Cable,
  flags: readonly string[],
  secondsMax: number,
): Promise<{ readonly left: number; readonly seconds: number }> {
  const listening = ['-l', HERE, '-p', `${PORT}`, '--snapshot', 'never'];
  return withServer(
    [...listening, ...flags],
    async ({ server }) => {
      const set = 'set k 0 0 1\r\nv\r\n';
      const requests = [set, `${set}set k 0 0 100\r\nhalf`, 'watch mutations\r\n'];
      const clients = await connectClients(cable.there, HERE, EACH, requests);
      const connections = connectionsFrom(THERE, server.pid);
      const open = heldOf(connections, server.pid);
      if (open !== 3 * EACH) throw new Error(`${open} clients are connected`);
      cable.cut();
      const startedMs = performance.now();
      // Anything that the server sends to the watchers from now on is never acknowledged.
      const writer = await connectClients(cable.here, '127.0.0.1', 1, [set]);
      writer.kill('SIGKILL');
      let left = open;
      let seconds = 0;
      while (left > 0 && seconds < secondsMax) {
        await setTimeout(100);
        left = heldOf(connections, server.pid);
        seconds = (performance.now() - startedMs) / 1000;
      }
      clients.kill('SIGKILL');
      return { left, seconds };
    },
    (launch) => ({
      ...launch,
      command: 'ip',
      args: ['netns', 'exec', cable.here, launch.command, ...launch.args],
    }),
  );
}

/** Returns the sockets of connections from `address`, by inode: the server opens sockets of its own as well. */
function connectionsFrom(address: string, pid: number): ReadonlySet<string> {
  // The form of /proc/PID/net/tcp: the bytes backwards, in hexadecimal.
  const bytes = Buffer.from(address.split('.').map(Number).toReversed());
  const remote = `${bytes.toString('hex').toUpperCase()}:`;
  const lines = readFileSync(`/proc/${pid}/net/tcp`, 'latin1').split('\n');
  const words = lines.map((line) => line.trim().split(/\s+/));
  const found = words.filter(([, , peer = '']) => peer.startsWith(remote));
  return new Set(found.map((each) => `socket:[${each[9]}]`));
}

/** Returns how many of these sockets the process has open. */
function heldOf(sockets: ReadonlySet<string>, pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return sockets.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      // The socket was closed between the two looks.
      return false;
    }
  }).length;
}
