// The package as a user gets it: packed, installed in an empty folder, every command run from there.
// And `npm start`, which must come up from what is built already.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { findProgram, run } from './support/programs.js';
import { ServerProcess } from '../tools/torture/server-process.js';
import { temporaryFolder } from './support/servers.js';
import { WireClient } from '../tools/torture/wire-client.js';

const root = join(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
  bin: Record<string, string>;
};

async function npm(args: readonly string[], cwd: string): Promise<string> {
  const program = findProgram('npm') ?? 'npm';
  const done = await run(program, args, { cwd, timeoutMs: 120_000 });
  expect(done.code, `npm ${args.join(' ')}: ${done.stderr}`).to.equal(0);
  return done.stdout;
}

describe('the package', function () {
  this.timeout(180_000);
  let dir: string;
  let packed: string;
  const installed = (name: string): string => join(dir, 'node_modules', '.bin', name);

  before(async () => {
    dir = temporaryFolder();
    // Without its prepack script: it would build dist/ anew under the tests that run from there.
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', dir];
    const [entry] = JSON.parse(await npm(args, root)) as { filename: string }[];
    packed = join(dir, entry?.filename ?? '');
    writeFileSync(join(dir, 'package.json'), '{ "private": true }');
    const quiet = ['--no-audit', '--no-fund', '--prefer-offline'];
    await npm(['install', ...quiet, packed], dir);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  for (const name of Object.keys(manifest.bin)) {
    it(`${name} --help and --version run from an installed package`, async () => {
      const help = await run(installed(name), ['--help'], { cwd: dir });
      expect(help.code, help.stderr).to.equal(0);
      // Two names lead to the server: `npx cairn-kv` runs what is called like the package.
      const program = basename(manifest.bin[name] ?? '', '.js');
      expect(help.stdout).to.match(new RegExp(`^Usage: ${program}\\b`));
      const version = await run(installed(name), ['--version'], { cwd: dir });
      expect(version.code, version.stderr).to.equal(0);
      expect(version.stdout).to.include(manifest.version);
    });
  }

  it('npx cairn-kv runs the server', async () => {
    const done = await npm(['exec', '--offline', '--', 'cairn-kv', '--version'], dir);
    expect(done).to.include(manifest.version);
  });

  it('kv-server serves from an installed package', async () => {
    const server = await ServerProcess.start({
      command: installed('kv-server'),
      args: ['-l', '127.0.0.1', '-p', '-1', '--data', join(dir, 'data')],
    });
    const client = await WireClient.connect(server.port);
    expect(await client.line('set k 7 0 5\r\nvalue\r\n')).to.equal('STORED');
    expect(await client.list('get k\r\n')).to.equal('VALUE k 7 5\r\nvalue\r\nEND');
    client.close();
    expect(await server.stop()).to.deep.equal({ code: 0, signal: null });
  });

  it('the library is imported by its name', async () => {
    const script = `import * as cairn from 'cairn-kv'; console.log(typeof cairn.open);`;
    const done = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: dir });
    expect(done.stdout, done.stderr).to.equal('function\n');
  });

  it('holds what runs and what documents it, no tests', async () => {
    const tar = await run('tar', ['-tzf', packed]);
    const names = tar.stdout.split('\n').filter((name) => name !== '');
    expect(names).to.include.members(
      ['dist/tools/kv-server.js', 'README.md', 'LICENSE', 'docs/format.md'].map(
        (name) => `package/${name}`,
      ),
    );
    const tests = names.filter((name) => /package\/(?:dist\/)?(?:test|benchmarks)\//.test(name));
    expect(tests).to.deep.equal([]);
  });

  it('npm start passes its flags on and serves', async () => {
    const data = join(dir, 'started');
    const child = spawn('npm', ['start', '--silent', '--', '-p', '-1', '--data', data], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    try {
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const gone = once(child, 'exit');
      while (!/listening on \S+:\d+/.test(said)) {
        const more = [once(child.stdout, 'data'), once(child.stderr, 'data')];
        await Promise.race([...more, gone]);
        expect(child.exitCode, said).to.equal(null);
      }
      const port = Number(/listening on \S+:(\d+)/.exec(said)?.[1]);
      const client = await WireClient.connect(port);
      expect(await client.line('version\r\n')).to.match(/^VERSION 1\.6\./);
      client.close();
    } finally {
      // The whole group: npm, its shell and the server.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }
  });
});
