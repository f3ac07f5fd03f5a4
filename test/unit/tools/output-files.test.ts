// The files that the tools write for a user (docs/tools.md, "Output files"): end to end, as processes.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  closeSync,
} from 'node:fs';
import { basename, join } from 'node:path';

import { expect } from 'chai';

import { nodeEnv } from '../../../src/env/node-env.js';
import { EXIT } from '../../../src/exit-codes.js';
import { temporaryName } from '../../../src/log/bytes/file-names.js';
import { openStore } from '../../../src/store/open-store.js';
import { put } from '../../support/data-directory.js';
import { skip } from '../../support/programs.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { startScripted } from '../../support/scripted-server.js';
import { temporaryFolder } from '../../support/servers.js';
import { runTool } from '../../support/tool-run.js';
import { canMount, mountTmpfs } from '../../reliability/machine.js';
import { removeFolder } from '../../support/remove-folder.js';

const PROGRAMS = join(import.meta.dirname, '../../../tools');
/** The tools and flags that write a dump to a file. */
const WRITERS = [
  ['kv-dump', '--out'],
  ['kv-compact', '--snapshot'],
] as const;

function contents(dir: string): Map<string, string> {
  const names = readdirSync(dir).filter((name) => lstatSync(join(dir, name)).isFile());
  return new Map(names.map((name) => [name, readFileSync(join(dir, name), 'hex')]));
}

function isDump(text: string): boolean {
  return (JSON.parse(text) as { count: number }).count === 200;
}

describe('Output files @long', () => {
  let root = '';
  let pristine = '';
  let dir = '';
  before(async () => {
    pristine = temporaryFolder();
    const env = nodeEnv(new QuietLogger());
    const store = await openStore(env, join(pristine, 'data'), { snapshot: 'never' });
    for (let at = 0; at < 199; at++) void put(store, `key-${at}`, 'v'.repeat(2000));
    await put(store, 'last', 'v');
    await store.close();
  });
  after(() => removeFolder(pristine));
  beforeEach(() => {
    root = temporaryFolder();
    dir = join(root, 'data');
    cpSync(join(pristine, 'data'), dir, { recursive: true });
  });
  afterEach(() => removeFolder(root));

  for (const [tool, flag] of WRITERS) {
    const write = async (out: string): Promise<{ code: number | null; stderr: string }> =>
      runTool(tool, [dir, flag, out]);

    it(`${tool} ${flag} writes through links and keeps mode and hard links`, async () => {
      const real = join(root, 'real.json');
      const other = join(root, 'other.json');
      const link = join(root, 'link.json');
      const chained = join(root, 'chained.json');
      writeFileSync(real, 'old');
      chmodSync(real, 0o604);
      symlinkSync('real.json', link);
      symlinkSync(link, chained);
      expect((await write(chained)).code).to.equal(EXIT.ok);
      expect(readlinkSync(chained)).to.equal(link);
      expect(readlinkSync(link)).to.equal('real.json');
      expect(isDump(readFileSync(real, 'utf8'))).to.equal(true);
      expect(statSync(real).mode & 0o777).to.equal(0o604);
      for (const old of ['short', 'long'.repeat(1_000_000)]) {
        rmSync(other, { force: true });
        writeFileSync(real, old);
        linkSync(real, other);
        expect((await write(real)).code).to.equal(EXIT.ok);
        expect(statSync(other).ino).to.equal(statSync(real).ino);
        expect(isDump(readFileSync(other, 'utf8'))).to.equal(true);
      }
      const dangling = join(root, 'dangling.json');
      symlinkSync('new.json', dangling);
      expect((await write(dangling)).code).to.equal(EXIT.ok);
      expect(isDump(readFileSync(join(root, 'new.json'), 'utf8'))).to.equal(true);
      expect(readdirSync(root).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
    });

    it(`${tool} ${flag} writes into pipes and devices and leaves them there`, async () => {
      const pipe = join(root, 'pipe');
      execFileSync('mkfifo', [pipe]);
      const reader = spawn('cat', [pipe]);
      const closed = once(reader, 'close');
      const chunks: Buffer[] = [];
      reader.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
      expect((await write(pipe)).code).to.equal(EXIT.ok);
      await closed;
      expect(isDump(Buffer.concat(chunks).toString())).to.equal(true);
      expect(lstatSync(pipe).isFIFO()).to.equal(true);
      expect((await write('/dev/null')).code).to.equal(EXIT.ok);
      expect(lstatSync('/dev/null').isCharacterDevice()).to.equal(true);
      const toStdout = join(root, 'to-stdout');
      symlinkSync('/dev/stdout', toStdout);
      for (const out of ['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1', toStdout]) {
        const { code, stdout, stderr } = await runTool(tool, [dir, flag, out]);
        expect(code, stderr).to.equal(EXIT.ok);
        expect(isDump(stdout.toString()), out).to.equal(true);
      }
      expect(readlinkSync(toStdout)).to.equal('/dev/stdout');
      expect(lstatSync('/dev/stdout').isSymbolicLink()).to.equal(true);
    });

    it(`${tool} ${flag} /dev/stdout goes on at the place of a redirected stdout`, () => {
      const file = join(root, 'both');
      const fd = openSync(file, 'w');
      try {
        const program = [join(PROGRAMS, `${tool}.js`), dir, flag, '/dev/stdout'];
        writeFileSync(fd, 'before\n');
        const { status } = spawnSync(process.execPath, program, { stdio: ['ignore', fd, 'pipe'] });
        expect(status).to.equal(EXIT.ok);
        writeFileSync(fd, 'after\n');
      } finally {
        closeSync(fd);
      }
      const text = readFileSync(file, 'utf8');
      expect(text.startsWith('before\n') && text.endsWith('after\n')).to.equal(true);
      expect(isDump(text.slice(7, -6))).to.equal(true);
    });

    it(`${tool} ${flag} overwrites no file of a store, by whatever name`, async () => {
      const other = join(root, 'other');
      cpSync(dir, other, { recursive: true });
      const linked = join(root, 'linked');
      symlinkSync(dir, linked);
      const outs: string[] = [];
      for (const name of readdirSync(dir)) {
        outs.push(join(dir, name), join(other, name), join(linked, name));
        const hard = join(root, `hard-${name}`);
        linkSync(join(dir, name), hard);
        const soft = join(root, `soft-${name}`);
        symlinkSync(join(other, name), soft);
        outs.push(hard, soft);
      }
      const future = [
        '0000000077-0000.seg',
        '000000000000077.val',
        'control.sock',
        'snapshot.json',
      ];
      for (const name of [...future, temporaryName('MANIFEST', '1')]) outs.push(join(dir, name));
      const before = contents(other);
      const { code, stderr } = await write(join(other, 'MANIFEST'));
      expect([code, stderr.includes('a file of a store')]).to.deep.equal([EXIT.usage, true]);
      const step = tool === 'kv-dump' ? 2 : 9;
      for (const [at, each] of outs.entries()) {
        if (at % step === 0) expect((await write(each)).code, each).to.equal(EXIT.usage);
      }
      expect(contents(other)).to.deep.equal(before);
      for (const name of future) expect(existsSync(join(dir, name)), name).to.equal(false);
      expect((await runTool('kv-check', [dir])).code).to.equal(EXIT.ok);
    });

    it(`${tool} ${flag} overwrites no file of a store that a descriptor leads to`, async () => {
      const other = join(root, 'other');
      cpSync(dir, other, { recursive: true });
      linkSync(join(dir, 'LOCK'), join(root, 'hard'));
      const program = [join(PROGRAMS, `${tool}.js`), dir, flag];
      const before = contents(other);
      const paths = [join(dir, 'LOCK'), join(other, 'MANIFEST'), join(root, 'hard')];
      for (const [at, path] of paths.entries()) {
        const fd = openSync(path, 'a');
        const out = ['-', '/proc/self/fd/3', '/dev/stdout'][at] ?? '';
        const stdio = ['ignore', at === 1 ? 'ignore' : fd, 'pipe', fd] as const;
        const run = spawnSync(process.execPath, [...program, out], { stdio: [...stdio] });
        closeSync(fd);
        expect(run.status, `${path} ${String(run.stderr)}`).to.equal(EXIT.usage);
      }
      expect(contents(other)).to.deep.equal(before);
      expect(statSync(join(dir, 'LOCK')).size).to.equal(statSync(join(other, 'LOCK')).size);
    });

    it(`${tool} ${flag} leaves the old file and no temporary file at a signal`, async () => {
      const out = join(root, 'out.json');
      writeFileSync(out, 'old');
      const late = join(root, 'late.mjs');
      // The first write to the temporary file never ends.
      writeFileSync(
        late,
        `import fs from 'node:fs';
        import { syncBuiltinESMExports } from 'node:module';
        const write = fs.write;
        fs.write = (fd, ...rest) => {
          if (!fs.readlinkSync('/proc/self/fd/' + fd).includes('out.json.cairn-')) return write(fd, ...rest);
          process.stderr.write('WRITING');
        };
        syncBuiltinESMExports();`,
      );
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        const args = ['--import', late, join(PROGRAMS, `${tool}.js`), dir, flag, out];
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
        const ended = once(child, 'exit');
        let said = '';
        for await (const chunk of child.stderr) {
          said += String(chunk);
          if (said.includes('WRITING')) break;
        }
        expect(readdirSync(root).filter((name) => name.endsWith('.tmp'))).to.have.length(1);
        child.kill(signal);
        expect(await ended, said).to.deep.equal([null, signal]);
        expect(readdirSync(root).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
        expect(readFileSync(out, 'utf8')).to.equal('old');
      }
    });

    it(`${tool} ${flag} leaves a directory out.json.tmp alone`, async () => {
      const out = join(root, 'out.json');
      // This directory is not Cairn's; an earlier release put its temporary file there.
      mkdirSync(`${out}.tmp`);
      const { code, stderr } = await write(out);
      expect(code, stderr).to.equal(EXIT.ok);
      expect(isDump(readFileSync(out, 'utf8'))).to.equal(true);
      expect(readdirSync(root).toSorted()).to.deep.equal(['data', 'out.json', 'out.json.tmp']);
    });

    it(`${tool} ${flag} ends with 74 on a full disk, leaves nothing and keeps the old file`, async function () {
      if (!canMount()) skip(this, 'root that may mount');
      const disk = mountTmpfs('size=128k');
      try {
        const out = join(disk.dir, 'out.json');
        writeFileSync(out, 'old');
        const full = await write(out);
        expect(full.code, full.stderr).to.equal(EXIT.io);
        expect(full.stderr).to.not.match(/\n\s+at /);
        expect(readFileSync(out, 'utf8')).to.equal('old');
        expect(readdirSync(disk.dir)).to.deep.equal([basename(out)]);
        linkSync(out, join(disk.dir, 'hard'));
        expect((await write(out)).code).to.equal(EXIT.io);
        expect(readFileSync(out, 'utf8')).to.equal('old');
      } finally {
        disk.remove();
      }
    });

    it(`${tool} ${flag} ends with 74 for /dev/full, 64 for a directory and 66 for a missing one`, async () => {
      const full = await write('/dev/full');
      expect([full.code, full.stderr.includes('ENOSPC')]).to.deep.equal([EXIT.io, true]);
      expect((await write(root)).code).to.equal(EXIT.usage);
      expect((await write(join(root, 'no/out.json'))).code).to.equal(EXIT.noInput);
    });
  }

  it('kv-dump --out may run twice at once, and one whole file is there afterwards', async () => {
    const out = join(root, 'out.json');
    const write = () => runTool('kv-dump', [dir, '--out', out]);
    for (const { code, stderr } of await Promise.all([write(), write()]))
      expect(code, stderr).to.equal(EXIT.ok);
    expect(isDump(readFileSync(out, 'utf8'))).to.equal(true);
    expect(readdirSync(root).toSorted()).to.deep.equal(['data', 'out.json']);
  });

  const printing: readonly (readonly [string, () => readonly string[]])[] = [
    ['kv-dump', () => [dir]],
    ['kv-dump', () => ['--help']],
    ['kv-check', () => [dir]],
    ['kv-check', () => [dir, '--json']],
    ['kv-check', () => [dir, '--repair', '--json', '--dry-run']],
    ['kv-compact', () => [dir, '--dry-run']],
    ['kv-client', () => ['--version']],
  ];
  for (const [tool, argsOf] of printing) {
    it(`${tool} ${argsOf().join(' ')} ends with 74 when stdout is full, and with 0 when it is a closed pipe`, () => {
      const program = join(PROGRAMS, `${tool}.js`);
      const words = [process.execPath, program, ...argsOf()].map((word) => `'${word}'`).join(' ');
      const full = spawnSync('sh', ['-c', `${words} > /dev/full`], { encoding: 'utf8' });
      // A check that has nothing to list writes only to stderr.
      if (full.status !== EXIT.ok) expect(full.status, full.stderr).to.equal(EXIT.io);
      else expect([tool, argsOf().length]).to.deep.equal(['kv-check', 1]);
      expect(full.stderr).to.not.match(/\n\s+at /);
      const script = `{ ${words}; echo "code $?" >&2; } | true`;
      const closed = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
      expect(closed.stderr).to.match(/code 0\n$/);
      expect(closed.stderr).to.not.match(/EPIPE/);
    });
  }

  it('kv-client that runs lines ends with 0 when stdout is a closed pipe', async () => {
    const server = await startScripted(() => 'VERSION 1.6.45\r\n');
    const program = join(PROGRAMS, 'kv-client.js');
    const child = spawn(process.execPath, [program, String(server.port)]);
    child.stdout.destroy();
    let said = '';
    child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
    child.stdin.end('version\n');
    const [code] = (await once(child, 'close')) as [number | null];
    await server.close();
    expect([code, said]).to.deep.equal([EXIT.ok, '']);
  });

  it('kv-dump > file ends with 74 on a disk that has room for only a part', function () {
    if (!canMount()) skip(this, 'root that may mount');
    const disk = mountTmpfs('size=128k');
    try {
      const program = join(PROGRAMS, 'kv-dump.js');
      const words = [process.execPath, program, dir].map((word) => `'${word}'`).join(' ');
      const run = spawnSync('sh', ['-c', `${words} > '${join(disk.dir, 'out')}'`]);
      expect(run.status).to.equal(EXIT.io);
    } finally {
      disk.remove();
    }
  });

  it('kv-check --to refuses a file, its own directory through a link and an occupied one with 64', async () => {
    const link = join(root, 'link');
    symlinkSync(dir, link);
    const occupied = join(root, 'occupied');
    mkdirSync(occupied);
    writeFileSync(join(occupied, 'report.tmp'), 'x');
    for (const to of [join(occupied, 'report.tmp'), link, join(link, 'new'), occupied]) {
      const { code, stderr } = await runTool('kv-check', [dir, '--repair', '--to', to]);
      expect(code, stderr).to.equal(EXIT.usage);
    }
    expect(readdirSync(occupied)).to.deep.equal(['report.tmp']);
  });

  it('kv-check --to ignores lost+found, and ends with 74 and leaves nothing on a full disk', async function () {
    if (!canMount()) skip(this, 'root that may mount');
    const disk = mountTmpfs('size=128k');
    try {
      const args = ['--repair', '--to'];
      mkdirSync(join(disk.mountPoint, 'lost+found'));
      const made = join(disk.mountPoint, 'new');
      expect((await runTool('kv-check', [dir, ...args, made])).code).to.equal(EXIT.io);
      expect(readdirSync(disk.mountPoint).filter((name) => name === 'new')).to.deep.equal([]);
    } finally {
      disk.remove();
    }
    const target = join(root, 'target');
    mkdirSync(join(target, 'lost+found'), { recursive: true });
    const run = await runTool('kv-check', [dir, '--repair', '--to', target]);
    expect(run.code, run.stderr).to.equal(EXIT.ok);
    expect(existsSync(join(target, 'lost+found'))).to.equal(true);
  });

  it('kv-check --to lets one of two at once do it, and the other changes nothing', async () => {
    const target = join(root, 'target');
    const args = [dir, '--repair', '--to', target];
    const runs = await Promise.all([runTool('kv-check', args), runTool('kv-check', args)]);
    const failed = runs.filter(({ code }) => code !== EXIT.ok);
    expect(failed).to.have.length(1);
    expect([EXIT.usage, EXIT.busy]).to.include(failed[0]?.code);
    expect((await runTool('kv-check', [target])).code).to.equal(EXIT.ok);
  });
}).timeout(120_000);
