// README.md against the program: every flag of --help with its environment variable and default. The links of
// all documents must lead somewhere.

import { expect } from 'chai';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { readConfig } from '../../../src/config/config.js';
import { freePort } from '../../support/free-port.js';
import { PROJECT_DIR } from '../../support/golden-file.js';
import { ServerProcess } from '../../../tools/torture/server-process.js';
import { run } from '../../support/programs.js';
import { cairnLaunch, temporaryFolder } from '../../support/servers.js';

const README = readFileSync(join(PROJECT_DIR, 'README.md'), 'utf8');

/** Returns `--help` with the text of each option on one line. */
function helpText(): string {
  const exit = readConfig(['--help'], {}, '0.0.0');
  if (!('code' in exit)) throw new Error('--help serves');
  return exit.stdout.replaceAll(/\n {20,}/g, ' ');
}

function rowOf(flag: string): string {
  const row = README.split('\n').find(
    (line) => line.startsWith('|') && line.includes(`\`${flag}\``),
  );
  if (row === undefined) throw new Error(`README.md has no row for ${flag}`);
  return row;
}

describe('README.md', () => {
  const help = helpText();
  const options = help.split('\n').filter((line) => /^ {2}-/.test(line));

  it('has every flag of --help, with its environment variable and default', () => {
    expect(options).to.have.length.above(40);
    for (const option of options) {
      const [, flag = '', text = ''] = /^ {2}(-.*?) {2,}(.*)$/.exec(option) ?? [];
      const row = rowOf(flag);
      const variable = /\((CAIRN_\w+)\)/.exec(text)?.[1];
      if (variable !== undefined) expect(row).to.include(`\`${variable}\``);
      const standard = /default: "?([^")]*)"?\)/.exec(text)?.[1];
      if (standard !== undefined) expect(row, flag).to.include(`\`${standard}\``);
    }
  });

  it('has no flag that --help does not have', () => {
    const rows = README.split('\n').filter((line) => line.startsWith('| `-'));
    for (const row of rows) {
      const [, flag = ''] = /^\| `([^`]+)`/.exec(row) ?? [];
      expect(help).to.include(`  ${flag} `);
    }
  });
});

describe('README.md, the library example', () => {
  it('runs as README.md shows it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cairn-readme-'));
    const [, code = ''] = /```js\n(import \{ open \} from 'cairn-kv';[^]*?)```/.exec(README) ?? [];
    const library = new URL('../../../src/index.js', import.meta.url).href;
    const script = code
      .replace("'cairn-kv'", `'${library}'`)
      .replace("'./cairn-data'", JSON.stringify(join(dir, 'data')));
    expect(script).to.include(library).and.to.include(dir);
    writeFileSync(join(dir, 'example.mjs'), script);
    const { code: exit, stdout } = await run(process.execPath, [join(dir, 'example.mjs')]);
    rmSync(dir, { recursive: true, force: true });
    expect([exit, stdout]).to.deep.equal([0, 'hello\ngreeting\nvisits\n']);
  });
});

/** Stands in for netcat, which not every machine has: `nc -z` checks whether somebody listens. */
const NC = `#!/bin/bash
[ "$1" = -z ] && { exec 3<>"/dev/tcp/$2/$3"; exit; } 2>/dev/null
exec 3<>"/dev/tcp/$1/$2" && cat >&3 && cat <&3
`;

describe('README.md, the shell commands after the quick start @long', () => {
  const pasted = [...README.matchAll(/```sh\n([^]*?)```/g)].map(([, text = '']) => text);
  const [start, ...rest] = pasted;
  let dir = '';
  let server: ServerProcess;
  let plainPort = 0;

  before(async () => {
    dir = temporaryFolder();
    writeFileSync(join(dir, 'nc'), NC, { mode: 0o755 });
    // The commands run in a directory of their own, where data and dist lie side by side as in a clone.
    mkdirSync(join(dir, 'clone'));
    symlinkSync(join(PROJECT_DIR, 'dist'), join(dir, 'clone/dist'));
    server = await ServerProcess.start(cairnLaunch(join(dir, 'clone/data')));
    plainPort = await freePort();
  });
  after(async () => {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('begins with the quick start', () => {
    expect(start).to.equal('npm start\n');
    expect(rest).to.have.length.above(3);
  });

  for (const text of rest) {
    it(`works: ${text.trim().split('\n').at(0)}`, async () => {
      const script = text
        .replaceAll('11211', String(server.port))
        .replaceAll('11212', String(plainPort));
      const environment = `export PATH="${dir}:$PATH" CAIRN_PORT=${server.port} TMPDIR="${dir}"\n`;
      const done = await run('bash', ['-ec', environment + script], { cwd: join(dir, 'clone') });
      expect(done.code, done.stderr).to.equal(0);
      if (text.includes('gaduValue'))
        expect(done.stdout.replaceAll('\r', '')).to.equal(
          'STORED\nVALUE test 9\ngaduValue\nEND\nNot-Exists\n',
        );
      if (text.includes('greeting')) expect(done.stdout).to.contain('STORED').and.contain('hello');
    });
  }
}).timeout(60_000);

describe('documents', () => {
  const top = readdirSync(PROJECT_DIR).map((name) => name);
  const docs = readdirSync(join(PROJECT_DIR, 'docs')).map((name) => join('docs', name));
  const pages = [...top, ...docs].filter((name) => name.endsWith('.md'));

  for (const page of pages) {
    it(`${page} has no dead link`, () => {
      const text = readFileSync(join(PROJECT_DIR, page), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const path = join(PROJECT_DIR, dirname(page), target);
        expect(existsSync(path), target).to.equal(true);
      }
    });
  }
});
