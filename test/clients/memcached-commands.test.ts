// Command lines that packages of memcached ship, and that their users write in unit files. Each starts Cairn as it stands,
// except for the port, the user's name and the place of the pid file, which are the test machine's.

import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import net from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn, type ChildProcess } from 'node:child_process';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { removeFolder } from '../support/remove-folder.js';
import { freePort } from '../support/free-port.js';
import { TestClient } from '../support/test-server.js';

const PROGRAM = fileURLToPath(new URL('../../tools/kv-server.js', import.meta.url));

/** The origin of the command line → the words after `memcached`. */
const COMMANDS: readonly (readonly [string, string])[] = [
  [
    'Debian, memcached.conf',
    '-m 64 -p 11211 -u memcache -l 127.0.0.1 -P /var/run/memcached/memcached.pid',
  ],
  [
    'Debian 12, memcached.conf with both loopbacks',
    '-m 64 -p 11211 -u memcache -l 127.0.0.1 -l ::1 -P /var/run/memcached/memcached.pid',
  ],
  ['Debian, the override in its unit', '-m 64 -p 11211 -u memcache -l 127.0.0.1,::1'],
  [
    'Debian, conf with everything that it has as a comment',
    '-v -m 64 -p 11211 -u memcache -l 127.0.0.1 -k -c 1024 -M -r',
  ],
  ['Debian, start-memcached without a user', '-m 64 -p 11211 -l 127.0.0.1 -u root'],
  ['upstream and Fedora, memcached.service', '-p 11211 -u memcached -m 64 -c 1024'],
  ['Fedora, OPTIONS', '-p 11211 -u memcached -m 64 -c 1024 -l 127.0.0.1,::1'],
  ['upstream, memcached@.service', '-p 11211 -u nobody -m 64 -c 1024 -o modern'],
  ['Alpine, OpenRC', '-d -p 11211 -u memcached -m 64 -c 1024 -P /run/memcached.pid -l 127.0.0.1'],
  [
    'Gentoo, OpenRC',
    '-d -p 11211 -U 0 -l 127.0.0.1 -m 64 -c 1024 -u memcached -P /run/memcached/memcached.pid',
  ],
  ['FreeBSD, rc.d', '-l localhost -d -u nobody -P /var/run/memcached/memcached.pid -p 11211'],
  ['flags in one word', '-dv -p 11211 -l 127.0.0.1 -P /run/memcached.pid'],
  ['Homebrew', '-l localhost -p 11211'],
  ['Homebrew, long', '--listen=localhost --port=11211'],
  ['official image', '-p 11211'],
  ['official image, as its page says', '-m 64 -p 11211'],
  ['official image, long', '--memory-limit=64 --port=11211'],
  ['official image, more', '-m 128 -c 2048 -I 4m -t 4 -p 11211 -vv'],
  ['Helm chart', '-m 64 -o modern -v -I 1m -p 11211'],
  ['Bitnami image', '-u memcached -p 11211 -v -l 0.0.0.0 -m 64 -c 1024 -t 4'],
  ['OpenStack', '-m 128 -l 0.0.0.0 -U 0 -p 11211 -c 4096 -t 4 -u memcache'],
  ['every address', '-l 0.0.0.0,:: -p 11211'],
  ['every address, the other way', '-l :: -l 0.0.0.0 -p 11211'],
  ['all of them', '-l * -p 11211'],
  ['an address with its port', '-l 127.0.0.1:11211 -U 0'],
  ['UDP asked for', '-p 11211 -U 11211 -l 127.0.0.1'],
  [
    'LRU tuning',
    '-p 11211 -o slab_reassign,slab_automove=1,lru_crawler,lru_maintainer,hash_algorithm=murmur3,no_hashexpand,maxconns_fast,tail_repair_time=0',
  ],
  ['old tuning', '-p 11211 -f 1.05 -n 64 -L -C -B auto -b 1024 -R 20 -D : -a 0700'],
  ['extstore', '-p 11211 -m 64 -o ext_path=/data/extstore:1G,ext_wbuf_size=4,ext_threads=1'],
];

async function hasIpv6(): Promise<boolean> {
  const server = net.createServer();
  try {
    server.listen({ host: '::1', port: 0 });
    await once(server, 'listening');
    server.close();
    return true;
  } catch {
    return false;
  }
}

async function isLocalhost(address: string): Promise<boolean> {
  const found = await lookup('localhost', { all: true });
  return found.some((each) => each.address === address);
}

async function answers(host: string, port: number): Promise<string> {
  const socket = net.connect({ host, port });
  await once(socket, 'connect');
  const client = new TestClient(socket);
  client.send('set k 0 0 1\r\nv\r\nget k\r\n');
  const reply = await client.until('END\r\n');
  socket.destroy();
  return reply;
}

describe("Command lines of memcached's packages @long", () => {
  let root = '';
  let child: ChildProcess | undefined;
  let daemonPid = 0;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cairn-foreign-'));
    chmodSync(root, 0o755);
    daemonPid = 0;
  });
  afterEach(async () => {
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    if (daemonPid !== 0) process.kill(daemonPid, 'SIGTERM');
    // A daemon may still be stopping.
    removeFolder(root);
  });

  /** Starts a command line in the working directory of a service, until it listens; a daemon's pid is in `daemonPid`. */
  async function start(argv: readonly string[], pidFile: string | undefined): Promise<string> {
    const started = spawn(process.execPath, [PROGRAM, ...argv], { cwd: root });
    child = started;
    let said = '';
    started.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
    const ended = once(started, 'close').then(() => true);
    const isDaemon = argv.some((word) => word.startsWith('-d'));
    while (!said.includes(', ready in')) {
      const more = once(started.stderr, 'data').then(() => false);
      if (await Promise.race([ended, more])) break;
    }
    if (isDaemon) await ended;
    expect(said, argv.join(' ')).to.contain(', ready in');
    if (isDaemon && pidFile !== undefined) daemonPid = Number(readFileSync(pidFile, 'utf8'));
    return said;
  }

  for (const [name, words] of COMMANDS) {
    it(`${name}: memcached ${words}`, async () => {
      const port = await freePort();
      const user = process.getuid?.() === 0 ? 'nobody' : userInfo().username;
      const isV6 = await hasIpv6();
      const pidFile = words.includes('-P ') ? join(root, 'pid') : undefined;
      if (pidFile !== undefined) chmodSync(root, 0o777);
      const argv = words
        .replaceAll('11211', String(port))
        .replace(/-u (memcached?|nobody)/, `-u ${user}`)
        .replace(/-P \S+/, `-P ${pidFile}`)
        .split(' ')
        .flatMap((word) => (isV6 ? [word] : withoutV6(word)));
      const listening = argv.filter(
        (word, at) => !(word === '-l' && argv[at + 1]?.startsWith('-')),
      );
      const said = await start(listening, pidFile);
      expect(said).to.not.match(/error:|\n\s+at /);
      expect(await answers('127.0.0.1', port)).to.contain('VALUE k 0 1');
      if (/localhost/.test(words) ? await isLocalhost('::1') : isV6 && /::|\*/.test(words))
        expect(await answers('::1', port)).to.contain('VALUE k 0 1');
      expect(existsSync(join(root, 'data', 'MANIFEST'))).to.equal(true);
      if (process.getuid?.() === 0 && argv.includes('nobody'))
        expect(statSync(join(root, 'data')).uid).to.equal(65_534);
      if (pidFile !== undefined) expect(readFileSync(pidFile, 'utf8')).to.match(/^\d+\n$/);
      if (daemonPid === 0) {
        child?.kill('SIGTERM');
        expect(((await once(child!, 'exit')) as [number])[0]).to.equal(EXIT.ok);
      }
    });
  }

  for (const place of ['/proc/cairn.pid', '/no/such/dir/pid', '/dev/null/pid']) {
    it(`a pid file that cannot be written is a warning: ${place}`, async () => {
      const port = await freePort();
      const said = await start(['-p', String(port), '-P', place], undefined);
      expect(said.match(/warn: The pid file[^\n]*/g)).to.have.length(1);
      expect(said).to.contain(place);
      expect(await answers('127.0.0.1', port)).to.contain('VALUE k 0 1');
      child?.kill('SIGTERM');
      expect(((await once(child!, 'exit')) as [number])[0]).to.equal(EXIT.ok);
    });
  }
}).timeout(60_000);

/** Returns what is left of a word where the machine has no IPv6. */
function withoutV6(word: string): string[] {
  if (word === '::' || word === '::1' || word === '*') return ['127.0.0.1'];
  return [word.replace(/,::1?$/, '')];
}
