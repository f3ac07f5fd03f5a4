// A directory that could not be made (below /proc, or in a working directory that was removed) kept the runtime's recursive
// mkdir in a loop for ever, at 90 % of a processor and without a message.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs, { mkdtempSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { makeDir } from '../../src/env/adopt.js';
import { isKvError, open } from '../../src/index.js';
import { EXIT } from '../../src/exit-codes.js';
import { removeFolder } from '../support/remove-folder.js';

const NOWHERE = '/proc/cairn/no/such/place';
const { mkdir } = fs.promises;
const DUMP = '{"key":"k","value":"v","encoding":"utf8","flags":0,"expiresAt":0,"cas":"1"}\n';

/** Returns the paths of all later calls of mkdir, in their order. */
function watchMkdir(): string[] {
  const paths: string[] = [];
  fs.promises.mkdir = ((path: string, ...more: never[]) => {
    paths.push(path);
    return mkdir(path, ...more);
  }) as typeof mkdir;
  return paths;
}

describe('A directory that cannot be made @long', () => {
  let root = '';
  let child: ChildProcess | undefined;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cairn-endless-'));
  });
  afterEach(() => {
    child?.kill('SIGKILL');
    fs.promises.mkdir = mkdir;
    removeFolder(root);
  });

  /** Runs a tool, when `isGone` in a working directory that is removed before the tool starts. */
  async function run(
    isGone: boolean,
    tool: string,
    ...args: string[]
  ): Promise<{ code: number | null; said: string }> {
    const cwd = mkdtempSync(join(root, 'cwd-'));
    const program = fileURLToPath(new URL(`../../tools/${tool}.js`, import.meta.url));
    const begin = isGone ? `rmdir "${cwd}"; ` : '';
    const script = `${begin}exec "$0" "$@"`;
    const argv = ['-c', script, process.execPath, program, ...args];
    child = spawn('sh', argv, { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (bytes: Buffer) => (said += bytes.toString()));
    child.stdin?.end(DUMP);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, said };
  }

  const STARTS: readonly (readonly [string, (dir: string) => string[]])[] = [
    ['kv-server', (dir) => ['-p', '-1', '--data', dir]],
    ['kv-load', (dir) => ['--create', dir, '-']],
  ];
  for (const [tool, argsOf] of STARTS) {
    it(`${tool} is refused with the path of a directory below /proc`, async () => {
      const { code, said } = await run(false, tool, ...argsOf(NOWHERE));
      expect(code, said).to.equal(EXIT.usage);
      expect(said)
        .to.contain('/proc/cairn')
        .and.not.match(/\n\s+at /);
    });
    it(`${tool} is refused in a working directory that was removed`, async () => {
      const { code, said } = await run(true, tool, ...argsOf('./data'));
      expect(code, said).to.equal(EXIT.usage);
      expect(said)
        .to.contain('working directory was removed')
        .and.not.match(/\n\s+at /);
    });
  }

  it('kv-check --repair --to and a snapshot of the library are refused with the path too', async () => {
    const data = join(root, 'data');
    const store = await open(data);
    await store.set('k', 'v');
    const refused = await store.snapshot(join(NOWHERE, 'snapshot.json')).catch((error) => error);
    expect(isKvError(refused, 'KV_BAD_OPTION'), String(refused)).to.equal(true);
    await store.close();
    const { code, said } = await run(false, 'kv-check', data, '--repair', '--to', NOWHERE);
    expect(code, said).to.equal(EXIT.usage);
    expect(said).to.contain('/proc/cairn');
  });

  it('open() of the library fails with KV_BAD_OPTION and the path when no directory can have that name', async () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    symlinkSync('nowhere', join(root, 'link'));
    symlinkSync('loop', join(root, 'loop'));
    for (const [path, told] of [
      [NOWHERE, '/proc/cairn'],
      [file, file],
      [join(file, 'below'), join(file, 'below')],
      [join(root, 'link'), join(root, 'link')],
      [join(root, 'link', 'below'), join(root, 'link')],
      [join(root, 'loop', 'below'), join(root, 'loop', 'below')],
      [join(root, 'n'.repeat(300)), join(root, 'n'.repeat(300))],
    ] as const) {
      const error = await open(path).catch((refused: unknown) => refused);
      if (!isKvError(error, 'KV_BAD_OPTION')) expect.fail(`${path}: ${String(error)}`);
      expect(error.path).to.equal(told);
    }
  });

  it('makeDir() makes each missing directory once', async () => {
    const made = watchMkdir();
    const dir = join(root, 'a/b/c');
    await makeDir(dir);
    await makeDir(dir);
    expect(made).to.deep.equal(['a', 'a/b', 'a/b/c'].map((name) => join(root, name)));
    expect(statSync(dir).isDirectory()).to.equal(true);
  });

  it('makeDir() makes the missing directories when others make them at the same time', async () => {
    const made = watchMkdir();
    const [dir, other] = [join(root, 'a/b/c'), join(root, 'a/b/d')];
    await Promise.all([makeDir(dir), makeDir(dir), makeDir(other)]);
    // The three calls met at each directory.
    expect(made.filter((path) => path === join(root, 'a/b'))).to.have.length(3);
    for (const path of [dir, other]) expect(statSync(path).isDirectory()).to.equal(true);
  });
}).timeout(30_000);
