// Starts that failed with a stack trace, with the exit code of a bug or without a next step, although the user had only made
// a mistake: too few descriptors, a user by number, a directory of another user, a link to a disk that is not mounted.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { requireProgram, skip } from '../support/programs.js';
import { removeFolder } from '../support/remove-folder.js';
import { ServerCommand } from '../support/server-command.js';

const SERVER = fileURLToPath(new URL('../../tools/kv-server.js', import.meta.url));
const NOBODY = 65_534;

describe('A start that a user has mistaken @long', function () {
  this.timeout(30_000);
  let root = '';
  let data = '';
  let server: ServerCommand | undefined;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cairn-mistaken-'));
    chmodSync(root, 0o755);
    data = join(root, 'data');
  });
  afterEach(async () => {
    server?.child.kill('SIGKILL');
    await server?.ended;
    server = undefined;
    removeFolder(root);
  });

  /** Runs a start that is refused, below the words of another program. */
  function refusal(words: readonly string[]): { code: number | null; stderr: string } {
    const [program, ...args] = [
      ...words,
      process.execPath,
      SERVER,
      '-p',
      '-1',
      '--data',
      data,
    ];
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 20_000 });
    expect(stderr).to.not.match(/^ +at /m);
    return { code: status, stderr };
  }

  it('names ulimit -n when there are too few descriptors to load the program, and makes nothing', function () {
    const prlimit = requireProgram(this, 'prlimit', 'util-linux');
    const { code, stderr } = refusal([prlimit, '--nofile=40']);
    expect(code, stderr).to.equal(EXIT.io);
    expect(stderr).to.contain('ulimit -n');
    expect(existsSync(data)).to.equal(false);
  });

  it('takes the number of a user for -u, and refuses a number that no user has', async function () {
    if (process.getuid?.() !== 0) skip(this, 'root');
    server = new ServerCommand(['-p', '-1', '--data', data, '-u', String(NOBODY)]);
    await server.port();
    expect(statSync(join(data, 'MANIFEST')).uid).to.equal(NOBODY);
    server.child.kill('SIGTERM');
    expect((await server.ended).code).to.equal(EXIT.ok);
    server = new ServerCommand(['-p', '-1', '--data', data, '-u', '4711147']);
    const { code, stderr } = await server.ended;
    expect(code, stderr).to.equal(EXIT.usage);
    expect(stderr).to.contain("There is no user '4711147'");
  });

  it('names the file and the next step when the directory is closed to the user', function () {
    if (process.getuid?.() !== 0) skip(this, 'root');
    const setpriv = requireProgram(this, 'setpriv', 'util-linux');
    mkdirSync(data, { mode: 0o700 });
    chownSync(data, 1, 1);
    const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
    const { code, stderr } = refusal([setpriv, ...user]);
    expect(code, stderr).to.equal(EXIT.noPermission);
    expect(stderr).to.contain('permission denied').and.contain(data);
    expect(stderr).to.contain('give it and its directory to the user that runs this');
  });

  it('says that the link of a data directory leads to nothing', () => {
    symlinkSync(join(root, 'unmounted', 'disk'), data);
    const { code, stderr } = refusal([]);
    expect(code, stderr).to.equal(EXIT.usage);
    expect(stderr).to.contain('a link whose target is missing').and.contain(data);
  });
});
