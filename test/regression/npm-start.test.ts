// SIGTERM to `npm start` once ended npm and its shell and left the server running: the next start failed because the
// directory was locked.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { removeFolder } from '../support/remove-folder.js';
import { requireProgram } from '../support/programs.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};

/** Returns whether the process runs. A process that has ended but that no parent has waited for counts as ended. */
function isThere(id: number): boolean {
  const stat = `/proc/${id}/stat`;
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'latin1'));
}

describe('npm start @long', () => {
  let root = '';
  let npm: ChildProcess | undefined;
  let pid = 0;
  before(function () {
    requireProgram(this, 'npm', 'npm');
  });
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cairn-npm-'));
    // The script is as in package.json, except for the build, which is done already.
    const start = scripts['start']!.replace('node tools/bootstrap.mjs', 'true').replace(
      'dist/',
      `${ROOT}dist/`,
    );
    const own = { name: 'own', version: '1.0.0', private: true, scripts: { start } };
    writeFileSync(join(root, 'package.json'), JSON.stringify(own));
  });
  afterEach(() => {
    npm?.kill('SIGKILL');
    if (pid !== 0 && isThere(pid)) process.kill(pid, 'SIGKILL');
    removeFolder(root);
  });

  /** Starts and signals. `group`: the signal goes to every process that a terminal would send it to. */
  async function startAndSignal(
    signal: NodeJS.Signals,
    group: boolean,
    [program, ...words]: readonly [string, ...string[]] = ['npm', 'start', '--'],
  ): Promise<string> {
    const pidFile = join(root, 'pid');
    const args = [...words, '-p', '-1', '--data', join(root, 'data'), '-P', pidFile];
    const started = spawn(program, args, { cwd: root, detached: true });
    npm = started;
    let said = '';
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (bytes: Buffer) => (said += bytes.toString()));
    while (!said.includes(', ready in')) await once(started.stderr, 'data');
    pid = Number(readFileSync(pidFile, 'utf8'));
    process.kill(group ? -started.pid! : started.pid!, signal);
    await once(started, 'close');
    expect(isThere(pid), 'the server has ended').to.equal(false);
    expect(existsSync(pidFile)).to.equal(false);
    return said;
  }

  for (const [signal, group] of [
    ['SIGTERM', false],
    ['SIGINT', false],
    ['SIGINT', true],
    ['SIGTERM', true],
  ] as const) {
    it(`${signal} ${group ? 'to the group' : 'to npm'}: the server stops in order, and can be started again`, async () => {
      for (let life = 0; life < 2; life++)
        expect(await startAndSignal(signal, group)).to.contain('cairn: stopped');
    });
  }

  it('SIGTERM to npx: the server below its shell stops in order, and can be started again', async () => {
    const bin = join(root, 'node_modules', '.bin');
    mkdirSync(bin, { recursive: true });
    const program = `#!/bin/sh\nexec '${process.execPath}' '${ROOT}dist/tools/kv-server.js' "$@"\n`;
    writeFileSync(join(bin, 'cairn-kv'), program, { mode: 0o755 });
    const command = ['npx', 'cairn-kv'] as const;
    for (let life = 0; life < 2; life++)
      expect(await startAndSignal('SIGTERM', false, command)).to.contain('cairn: stopped');
  });

  it('every script that runs a program after the build replaces the shell by the program', () => {
    const last = Object.values(scripts)
      .filter((script) => script.includes(' && '))
      .map((script) => script.split(' && ').at(-1)!)
      .filter((command) => !command.startsWith('npm '));
    expect(last).to.have.length.above(5);
    expect(last.filter((command) => !command.startsWith('exec '))).to.deep.equal([]);
  });
}).timeout(60_000);
