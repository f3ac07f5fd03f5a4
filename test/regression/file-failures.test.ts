// Refusals of the system were reported as `EACCES: permission denied, open 'bad1/LOCK'`, with exit code 71, on which a
// supervisor restarts for ever. Each message now has the reason, the path and the next step, and the code of docs/errors.md.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { requireProgram, skip } from '../support/programs.js';
import { runTool } from '../support/tool-run.js';
import { removeFolder } from '../support/remove-folder.js';

const NOBODY = 65_534;
const DUMP = '{"key":"k","value":"v","encoding":"utf8","flags":0,"expiresAt":0,"cas":"1"}\n';

interface Case {
  readonly name: string;
  readonly code: number;
  /** The text that the message must contain beside the path. */
  readonly says: RegExp;
  /** Prepares the path of the result. */
  readonly prepare: (root: string) => string;
  readonly argv: (root: string) => readonly [tool: string, ...args: string[]];
}

const serve = (root: string): readonly [string, ...string[]] => [
  'kv-server',
  '-p',
  '-1',
  '--data',
  join(root, 'data'),
];

function directory(path: string, mode: number, uid = NOBODY): string {
  mkdirSync(path);
  chownSync(path, uid, uid);
  chmodSync(path, mode);
  return path;
}

/** The cases, each run as the user nobody. */
const CASES: readonly Case[] = [
  {
    name: 'a data directory that may not be made',
    code: EXIT.noPermission,
    says: /permission denied/,
    prepare: (root) => join(root, 'data'),
    argv: serve,
  },
  {
    name: 'a data directory that may not be opened',
    code: EXIT.noPermission,
    says: /permission denied/,
    prepare: (root) => directory(join(root, 'data'), 0o700, 0),
    argv: serve,
  },
  {
    name: 'a data directory that may not be written to',
    code: EXIT.noPermission,
    says: /EACCES/,
    prepare: (root) => directory(join(root, 'data'), 0o500),
    argv: serve,
  },
  {
    name: 'a data directory below one that may not be entered',
    code: EXIT.noPermission,
    says: /permission denied/,
    prepare: (root) => join(directory(join(root, 'shut'), 0o700, 0), 'data'),
    argv: (root) => ['kv-server', '-p', '-1', '--data', join(root, 'shut', 'data')],
  },
  {
    name: 'a data directory that is a file',
    code: EXIT.usage,
    says: /something else has this name/,
    prepare: (root) => {
      writeFileSync(join(root, 'data'), '');
      return join(root, 'data');
    },
    argv: serve,
  },
  {
    name: 'a unix socket where a file lies',
    code: EXIT.usage,
    says: /no socket lies/,
    prepare: (root) => {
      directory(join(root, 'data'), 0o700);
      writeFileSync(join(root, 'data', 'sock'), 'precious');
      return join(root, 'data', 'sock');
    },
    argv: (root) => [...serve(root), '-s', join(root, 'data', 'sock')],
  },
  {
    name: 'a unix socket where a link to nowhere lies',
    code: EXIT.usage,
    says: /no socket lies/,
    prepare: (root) => {
      directory(join(root, 'data'), 0o700);
      symlinkSync('nowhere', join(root, 'data', 'sock'));
      return join(root, 'data', 'sock');
    },
    argv: (root) => [...serve(root), '-s', join(root, 'data', 'sock')],
  },
  {
    name: 'a unix socket in a directory that is missing',
    code: EXIT.system,
    says: /no such directory/,
    prepare: (root) => {
      directory(join(root, 'data'), 0o700);
      return join(root, 'missing', 'sock');
    },
    argv: (root) => [...serve(root), '-s', join(root, 'missing', 'sock')],
  },
  {
    name: 'a unix socket that may not be made',
    code: EXIT.noPermission,
    says: /give it and its directory/,
    prepare: (root) => {
      directory(join(root, 'data'), 0o700);
      return join(root, 'sock');
    },
    argv: (root) => [...serve(root), '-s', join(root, 'sock')],
  },
  {
    name: 'users that may not be read',
    code: EXIT.noPermission,
    says: /-Y/,
    prepare: (root) => {
      directory(join(root, 'data'), 0o700);
      writeFileSync(join(root, 'users'), 'a:b\n', { mode: 0o600 });
      return join(root, 'users');
    },
    argv: (root) => [...serve(root), '-Y', join(root, 'users')],
  },
  {
    name: 'a directory that may not be loaded into',
    code: EXIT.noPermission,
    says: /EACCES/,
    prepare: (root) => directory(join(root, 'data'), 0o500),
    argv: (root) => ['kv-load', '--create', join(root, 'data'), '-'],
  },
  ...['kv-check', 'kv-dump', 'kv-compact'].map((tool) => ({
    name: `${tool} of a directory that may not be opened`,
    code: EXIT.noPermission,
    says: /permission denied/,
    prepare: (root: string) => directory(join(root, 'data'), 0o700, 0),
    argv: (root: string) => [tool, join(root, 'data')] as const,
  })),
];

function asNobody(tool: string, args: readonly string[]): { code: number | null; said: string } {
  const program = fileURLToPath(new URL(`../../tools/${tool}.js`, import.meta.url));
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const { status, stdout, stderr } = spawnSync(
    'setpriv',
    [...user, process.execPath, program, ...args],
    { encoding: 'utf8', input: DUMP, cwd: '/', timeout: 20_000 },
  );
  return { code: status, said: stdout + stderr };
}

function expectWords(said: string): void {
  expect(said).to.not.match(/KvError|SystemError|\bE[A-Z]+: |, \w+ '|\n\s+at /);
}

describe('A refusal of the system @long', () => {
  let root = '';
  before(function () {
    if (process.getuid?.() !== 0) skip(this, 'root');
    requireProgram(this, 'setpriv', 'util-linux');
  });
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cairn-refused-'));
    chmodSync(root, 0o755);
  });
  afterEach(() => removeFolder(root));

  for (const { name, code, says, prepare, argv } of CASES) {
    it(`${name} ends with ${code} and a message in words`, () => {
      const path = prepare(root);
      const [tool, ...args] = argv(root);
      const ended = asNobody(tool, args);
      expect(ended.code, ended.said).to.equal(code);
      expect(ended.said).to.match(says).and.contain(path);
      expectWords(ended.said);
    });
  }

  it('a file of a store that may not be read ends every program with 77 and the path', async () => {
    const data = join(root, 'data');
    mkdirSync(data);
    chmodSync(data, 0o777);
    expect((await runTool('kv-load', ['--create', '--partial', data, '-'], DUMP)).code).to.equal(
      EXIT.ok,
    );
    for (const name of readdirSync(data).filter((each) => /^(MANIFEST|.*\.seg)$/.test(each))) {
      for (const each of readdirSync(data)) chownSync(join(data, each), NOBODY, NOBODY);
      chownSync(join(data, name), 0, 0);
      chmodSync(join(data, name), 0o600);
      for (const [tool, ...args] of [
        ['kv-server', '-p', '-1', '--data', data],
        ['kv-dump', data],
        ['kv-compact', data],
        ['kv-load', data, '-'],
      ] as const) {
        const { code, said } = asNobody(tool, args);
        expect(code, `${tool}, ${name}: ${said}`).to.equal(EXIT.noPermission);
        expect(said).to.contain(join(data, name));
        expectWords(said);
      }
    }
  });

  it('an output that may not be written is refused with its path', async () => {
    const data = join(root, 'data');
    expect((await runTool('kv-load', ['--create', '--partial', data, '-'], DUMP)).code).to.equal(
      EXIT.ok,
    );
    for (const each of readdirSync(data)) chownSync(join(data, each), NOBODY, NOBODY);
    chownSync(data, NOBODY, NOBODY);
    const out = join(root, 'backup.json');
    const { code, said } = asNobody('kv-dump', [data, '--out', out]);
    expect(code, said).to.equal(EXIT.noPermission);
    expect(said).to.contain('backup.json');
    expectWords(said);
  });
}).timeout(60_000);
