// A server whose log had no reader any more ended with 70 and without an image, and any client could cause that with
// `verbosity 1`. And `kv-server --help | head -1` printed a stack trace.

import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, closeSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { TestClient } from '../support/test-server.js';
import { runTool } from '../support/tool-run.js';
import { removeFolder } from '../support/remove-folder.js';

const TOOLS = [
  'kv-server',
  'kv-client',
  'kv-backup',
  'kv-check',
  'kv-compact',
  'kv-dump',
  'kv-load',
  'kv-restore',
  'kv-torture',
] as const;

function programOf(tool: string): string {
  return fileURLToPath(new URL(`../../tools/${tool}.js`, import.meta.url));
}

/** A way in which an output cannot be written: what to pass to spawn, and what to do with the child then. */
interface Broken {
  readonly name: string;
  readonly open: () => number | 'pipe';
  readonly spoil?: (child: ChildProcess, stream: 'stdout' | 'stderr') => void;
}

const READER_GONE: Broken = {
  name: 'a pipe whose reader has gone',
  open: () => 'pipe',
  spoil: (child, stream) => child[stream]?.destroy(),
};
const DISK_FULL: Broken = { name: 'a full disk', open: () => openSync('/dev/full', 'w') };
const READ_ONLY: Broken = {
  name: 'a descriptor that is only for reading',
  open: () => openSync('/dev/null', 'r'),
};
const READER_ASLEEP: Broken = {
  name: 'a pipe that nobody reads',
  open: () => 'pipe',
  spoil: (child, stream) => void child[stream]?.pause(),
};

describe('Output that cannot be written @long', () => {
  let root = '';
  let children: ChildProcess[] = [];
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cairn-unwritable-'));
    children = [];
  });
  afterEach(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    removeFolder(root);
  });

  /** Starts a tool whose output `stream` is broken; the tests can read its other output. */
  function start(
    tool: string,
    args: readonly string[],
    broken: Broken,
    stream: 1 | 2,
  ): ChildProcess {
    const given = broken.open();
    const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
    stdio[stream] = given;
    const env = { ...process.env, MEMCACHED_PORT_FILENAME: join(root, 'port'), CAIRN_HISTORY: '' };
    const child = spawn(process.execPath, [programOf(tool), ...args], { stdio, env });
    children.push(child);
    broken.spoil?.(child, stream === 1 ? 'stdout' : 'stderr');
    if (typeof given === 'number') closeSync(given);
    return child;
  }

  async function portOf(child: ChildProcess): Promise<number> {
    const path = join(root, 'port');
    while (!existsSync(path)) {
      expect(child.exitCode, 'it has ended').to.equal(null);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return Number(/TCP INET: (\d+)/.exec(readFileSync(path, 'utf8'))?.[1]);
  }

  for (const broken of [READER_GONE, DISK_FULL, READ_ONLY, READER_ASLEEP]) {
    for (const stream of [1, 2] as const) {
      it(`the server goes on and ends in order: ${stream === 1 ? 'stdout' : 'stderr'} is ${broken.name}`, async () => {
        const data = join(root, 'data');
        const child = start('kv-server', ['-p', '-1', '-vv', '--data', data], broken, stream);
        const client = await TestClient.open(await portOf(child));
        client.send('verbosity 1\r\nverbosity 2\r\n');
        expect(await client.take(8)).to.equal('OK\r\nOK\r\n');
        client.send('set k 0 0 1\r\nv\r\nget k\r\n');
        expect(await client.take(8)).to.equal('STORED\r\n');
        // Each signal that comes through makes the server print a line.
        for (let at = 0; at < 20; at++) child.kill('SIGHUP');
        client.socket.destroy();
        child.kill('SIGTERM');
        const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
        expect([code, signal]).to.deep.equal([EXIT.ok, null]);
        expect(existsSync(join(data, 'IMAGE')), 'it wrote its image').to.equal(true);
      });
    }
  }

  it('a reader that sleeps does not hold up the server, however much it prints', async () => {
    const url = new URL('../../src/process/log-output.js', import.meta.url).href;
    const script = `import { LogOutput } from '${url}';
      const { write } = new LogOutput(process.stderr);
      for (let at = 0; at < 20_000; at++) write('x'.repeat(1000) + '\\n');
      process.stdout.write('done', () => process.exit(process.memoryUsage().rss > 2e8 ? 1 : 0));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    children.push(child);
    child.stderr.pause();
    expect(String(((await once(child.stdout, 'data')) as [Buffer])[0])).to.equal('done');
    expect(((await once(child, 'exit')) as [number])[0]).to.equal(0);
  });

  it('a daemon serves although whoever started it cannot write', async () => {
    const pidFile = join(root, 'pid');
    const args = ['-d', '-p', '-1', '-vv', '-P', pidFile, '--data', join(root, 'data')];
    const starter = start('kv-server', args, READER_GONE, 2);
    const [code] = (await once(starter, 'exit')) as [number | null];
    expect(code).to.equal(EXIT.ok);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    const client = await TestClient.open(await portOf(starter));
    client.send('verbosity 2\r\nversion\r\n');
    expect(await client.take(11)).to.equal('OK\r\nVERSION');
    process.kill(pid, 'SIGTERM');
    await once(client.socket, 'close');
  });

  const DUMP = '{"key":"k","value":"v","encoding":"utf8","flags":0,"expiresAt":0,"cas":"1"}\n';
  for (const [stream, broken, code] of [
    [1, READER_GONE, EXIT.ok],
    [1, DISK_FULL, EXIT.io],
    [2, READER_GONE, EXIT.ok],
    [2, DISK_FULL, EXIT.ok],
  ] as const) {
    it(`every tool that prints a store ends without a stack trace: ${stream === 1 ? 'stdout' : 'stderr'} is ${broken.name}`, async () => {
      const data = join(root, 'data');
      expect((await runTool('kv-load', ['--create', '--partial', data, '-'], DUMP)).code).to.equal(
        EXIT.ok,
      );
      for (const [tool, ...args] of [
        ['kv-dump', data],
        ['kv-check', data, '--json'],
        ['kv-compact', data, '--dry-run'],
        ['kv-compact', data, '--json'],
        ['kv-client', 'passwd', 'alice', '--help'],
      ] as const) {
        const child = start(tool, args, broken, stream);
        let said = '';
        const other = stream === 1 ? child.stderr : child.stdout;
        other?.on('data', (bytes: Buffer) => (said += bytes.toString()));
        const [ended] = (await once(child, 'close')) as [number | null];
        expect(ended, `${tool} ${args.join(' ')}: ${said}`).to.equal(code);
        expect(said).to.not.match(/\n\s+at /);
      }
    });
  }

  for (const tool of TOOLS) {
    for (const [args, stream, broken, codes] of [
      [['--help'], 1, READER_GONE, [EXIT.ok]],
      [['--help'], 1, DISK_FULL, [EXIT.io]],
      [['--version'], 1, READER_GONE, [EXIT.ok]],
      [['--version'], 1, DISK_FULL, [EXIT.io]],
      [['--no-such-flag'], 2, READER_GONE, [EXIT.usage]],
      [['--no-such-flag'], 2, DISK_FULL, [EXIT.usage]],
    ] as const) {
      it(`${tool} ${args.join(' ')}, ${stream === 1 ? 'stdout' : 'stderr'} is ${broken.name}: no stack`, async () => {
        const child = start(tool, args, broken, stream);
        let said = '';
        const other = stream === 1 ? child.stderr : child.stdout;
        other?.on('data', (bytes: Buffer) => (said += bytes.toString()));
        const [code] = (await once(child, 'close')) as [number | null];
        expect(codes, said).to.include(code);
        expect(said).to.not.match(/\n\s+at /);
      });
    }
  }
}).timeout(60_000);
