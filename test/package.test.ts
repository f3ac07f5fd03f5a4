// The package as a user gets it: packed, installed in an empty folder, every command run from there. And `npm start`, which
// must start from what is built already.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { expect } from 'chai';
import { httpUrlOf, pageFiles } from './support/http-client.js';
import { findProgram, run } from './support/programs.js';
import { ServerProcess } from '../tools/torture/server-process.js';
import { temporaryFolder } from './support/servers.js';
import { WireClient } from '../tools/torture/wire-client.js';
import { removeFolder } from './support/remove-folder.js';

const root = join(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  name: string;
  version: string;
  bin: Record<string, string>;
};

async function npm(args: readonly string[], cwd: string): Promise<string> {
  const program = findProgram('npm') ?? 'npm';
  const done = await run(program, args, { cwd, timeoutMs: 120_000 });
  expect(done.code, `npm ${args.join(' ')}: ${done.stderr}`).to.equal(0);
  return done.stdout;
}

describe('the tarball', function () {
  this.timeout(60_000);
  let names: string[] = [];

  before(async () => {
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
    const [entry] = JSON.parse(await npm(args, root)) as { files: { path: string }[] }[];
    names = (entry?.files ?? []).map(({ path }) => path);
  });

  it('holds the programs and their documents, and no tests', () => {
    expect(names).to.include.members([
      'dist/tools/kv-server.js',
      'README.md',
      'LICENSE',
      'docs/format.md',
      'examples/job-queue/queue.mjs',
    ]);
    const tests = names.filter((name) => /^(?:dist\/)?(?:test|benchmarks)\//.test(name));
    expect(tests).to.deep.equal(['benchmarks/README.md']);
  });

  it('holds every file that its documents link to', () => {
    const pages = names.filter((name) => name.endsWith('.md'));
    const links = pages.flatMap((page) => {
      const text = readFileSync(join(root, page), 'utf8');
      // Both forms of Markdown links count: [words](target) and [words]: target.
      const targets = text.matchAll(/\]\(([^)\s#]+)[^)]*\)|^\[[^\]]+\]: ([^\s#]+)/gm);
      return [...targets]
        .map(([, inline, apart]) => inline ?? apart ?? '')
        .filter((target) => !/^[a-z]+:/.test(target))
        .map((target) => ({ page, target: normalize(join(dirname(page), target)) }));
    });
    expect(links.filter(({ page }) => page === 'README.md')).to.have.length.above(10);
    expect(links.filter(({ target }) => !names.includes(target))).to.deep.equal([]);
  });
});

describe('the package @long', function () {
  this.timeout(180_000);
  let dir: string;
  const installed = (name: string): string => join(dir, 'node_modules', '.bin', name);

  before(async () => {
    dir = temporaryFolder();
    // Its prepack script is skipped: that would build dist/ again under the tests that run from there.
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', dir];
    const [entry] = JSON.parse(await npm(args, root)) as { filename: string }[];
    const packed = join(dir, entry?.filename ?? '');
    writeFileSync(join(dir, 'package.json'), '{ "private": true }');
    const quiet = ['--no-audit', '--no-fund', '--prefer-offline'];
    await npm(['install', ...quiet, packed], dir);
  });
  after(() => removeFolder(dir));

  for (const name of Object.keys(manifest.bin)) {
    it(`${name} --help and --version run from an installed package`, async () => {
      const help = await run(installed(name), ['--help'], { cwd: dir });
      expect(help.code, help.stderr).to.equal(0);
      // Two names lead to the server: `npx cairn-kv` runs the command with the package's name.
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
      args: ['-l', '127.0.0.1', '-p', '-1', '--http', '-1', '--data', join(dir, 'data')],
    });
    const client = await WireClient.connect(server.port);
    expect(await client.line('set k 7 0 5\r\nvalue\r\n')).to.equal('STORED');
    expect(await client.list('get k\r\n')).to.equal('VALUE k 7 5\r\nvalue\r\nEND');
    client.close();
    const files = await pageFiles(await httpUrlOf(server));
    expect(files.size).to.be.above(20);
    expect([...files].filter(([, status]) => status !== 200)).to.deep.equal([]);
    expect(await server.stop()).to.deep.equal({ code: 0, signal: null });
  });

  it('the library is imported by its name', async () => {
    const script = `import * as cairn from 'cairn-kv'; console.log(typeof cairn.open);`;
    const done = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: dir });
    expect(done.stdout, done.stderr).to.equal('function\n');
  });

  it('a program in TypeScript names the types of the library', async () => {
    const names = [...readFileSync(join(root, 'src/index.ts'), 'utf8').matchAll(/\{([^}]+)\}/g)]
      .flatMap(([, list = '']) => list.split(','))
      .map((name) => name.trim())
      .filter((name) => /^[A-Z]/.test(name));
    const program = `
      import { isKvError, open } from '${manifest.name}';
      import type { ${names.join(', ')} } from '${manifest.name}';
      export type All = [${names.join(', ')}];
      const options: CairnOptions = { keysMax: 10, snapshot: 'never', logger: null };
      const store: Cairn = await open('data', options);
      const put: PutOptions = { ttlMs: 1000 };
      const result: PutResult = await store.set('k', new Uint8Array(1), put);
      const entry: CairnEntry | undefined = await store.get('k');
      for await (const { key } of store.scan()) key.toString('hex');
      const report: CompactionReport = await store.compact();
      // @ts-expect-error: this option does not exist.
      await open('data', { keyMax: 10 });
      const error: unknown = undefined;
      if (isKvError(error)) console.log(error.code, entry?.value.length, result, report.liveBytes);
    `;
    writeFileSync(join(dir, 'program.mts'), program);
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node'];
    const strict = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext'];
    const args = [compiler, ...strict, '--ignoreConfig', ...types, 'program.mts'];
    const done = await run(process.execPath, args, { cwd: dir });
    expect(done.code, done.stdout + done.stderr).to.equal(0);
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
      // The signal goes to the whole group: npm, its shell and the server.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }
  });
});
