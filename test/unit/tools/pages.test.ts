// The man pages and completions: man reads each page without a warning, and real shells complete with them.

import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { withFlagTables } from '../../../tools/pages/flag-tables.js';
import { flagsOf, parseHelp } from '../../../tools/pages/help-text.js';
import { composeManPage } from '../../../tools/pages/man-page.js';
import { requireProgram, run } from '../../support/programs.js';
import { runTool } from '../../support/tool-run.js';
import { removeFolder } from '../../support/remove-folder.js';

const root = join(import.meta.dirname, '../../../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  bin: Record<string, string>;
};

async function warningsOf(program: string, page: string): Promise<string> {
  const script = 'LC_ALL=C.UTF-8 MANWIDTH=80 exec "$0" --warnings -l "$1" >/dev/null';
  const done = await run('/bin/sh', ['-c', script, program, page]);
  return `${done.code === 0 ? '' : `exit ${done.code} `}${done.stderr}`;
}

describe('npm run pages @long', function () {
  this.timeout(60_000);
  let dir = '';
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'cairn-pages-'));
    const made = await runTool('pages/main', [dir]);
    expect(made.code, made.stderr).to.equal(0);
  });
  after(() => removeFolder(dir));

  it('makes a page for every program, with every flag of its help', async () => {
    const names = new Set(
      Object.values(manifest.bin).map((script) => /([\w-]+)\.js$/.exec(script)?.[1] ?? ''),
    );
    const pages = [...names].map((name) => `${name}.1`);
    expect(readdirSync(join(dir, 'man1')).toSorted()).to.deep.equal(pages.toSorted());
    for (const name of names) {
      const help = (await runTool(name, ['--help'])).stdout.toString();
      const page = readFileSync(join(dir, 'man1', `${name}.1`), 'utf8').replaceAll('\\-', '-');
      const flags = help.match(/^ {2}(?:-\w, )?--[\w-]+/gm) ?? [];
      expect(flags.length).to.be.greaterThan(2);
      for (const flag of flags) expect(page).to.contain(`\\fB${flag.trim()}`);
    }
    expect(readFileSync(join(dir, 'man1/kv-client.1'), 'utf8')).to.contain('\\-\\-exptime');
  });

  it('makes pages for which man has no warning, and man warns of a wrong page', async function () {
    const man = requireProgram(this, 'man', 'man-db');
    for (const page of readdirSync(join(dir, 'man1'))) {
      expect(await warningsOf(man, join(dir, 'man1', page)), page).to.equal('');
    }
    const wrong = join(dir, 'wrong.1');
    writeFileSync(wrong, '.TH A 1\n.SH NAME\n.nosuch\na \\- b\n');
    expect(await warningsOf(man, wrong)).to.contain('nosuch');
  });

  it('makes man show characters of roff as they stand in the help', async function () {
    const man = requireProgram(this, 'man', 'man-db');
    const help = parseHelp("Usage: x\n\n.A 'q' \\n a-b ~^`.\n\nExamples:\n  x '\\.'  .dots\n");
    const page = join(dir, 'odd.1');
    writeFileSync(page, composeManPage('x', '1', help, ['y']));
    expect(await warningsOf(man, page)).to.equal('');
    const script = 'LC_ALL=C.UTF-8 MANWIDTH=80 exec "$0" -l "$1"';
    const shown = await run('/bin/sh', ['-c', script, man, page]);
    expect(shown.stdout).to.contain(".A 'q' \\n a-b ~^`.").and.to.contain("x '\\.'");
  });

  it('reads flags, their choices, and descriptions of several lines', () => {
    const flags = flagsOf(
      parseHelp(
        'Usage: x\n\nWhat it is.\n\nOptions:\n  -a, --all <name>  take\n' +
          '                    all (CAIRN_ALL) (choices:\n                    "one", "two")\n  --b  be\n',
      ),
    );
    expect(flags).to.deep.equal([
      { short: 'a', long: 'all', value: 'name', choices: ['one', 'two'], description: 'take all' },
      { short: undefined, long: 'b', value: undefined, choices: [], description: 'be' },
    ]);
  });

  it('makes bash complete flags, their values and commands', async function () {
    const script = requireProgram(this, 'script', 'bsdutils');
    const bash = requireProgram(this, 'bash', 'bash');
    const started = join(dir, 'bashrc');
    // The programs print the words that they get.
    writeFileSync(
      started,
      `cd '${dir}'; . ./cairn-kv.bash\nkv-server() { printf '[%s]' "$@"; echo; }\nkv-client() { kv-server "$@"; }\n`,
    );
    const typed =
      'kv-server --log-f\tj\t --data ma\tx -P cairn-kv.b\t\n' +
      'kv-server --log-format=te\t\nkv-client delete_p\t\nexit\n';
    const command = `${bash} --noprofile --rcfile '${started}' -i`;
    const { stdout } = await run(script, ['-qec', command, '/dev/null'], { input: typed });
    expect(stdout)
      .to.contain('[--log-format][json][--data][man')
      .and.to.contain('[-P][cairn-kv.bash]')
      .and.to.contain('[--log-format=text]')
      .and.to.contain('[delete_prefix]');
  });

  it('makes zsh complete flags and their values', async function () {
    const zsh = requireProgram(this, 'zsh', 'zsh');
    const drive = join(dir, 'drive.zsh');
    writeFileSync(
      drive,
      `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "autoload -U compinit; fpath=($1 \\$fpath); compinit -u -D; kv-server() { print -r -- \\"<\\$@>\\" }; print ready\\$((1+1))"
zpty -r z out '*ready2*'
zpty -w z $'kv-server --log-f\\tj\\t'
zpty -r -m z out '*<*>*'
print -r -- $out
`,
    );
    const { stdout, stderr } = await run(zsh, ['-f', drive, dir]);
    expect(stdout, stderr).to.contain('<--log-format json>');
  });

  it('makes fish complete flags, their values and commands', async function () {
    const fish = requireProgram(this, 'fish', 'fish');
    const asked = ['kv-server --log-format ', 'cairn-kv --log-f', 'kv-client delete_'];
    const script = `source '${dir}/cairn-kv.fish'; ${asked.map((line) => `complete -C '${line}'`).join('; ')}`;
    const { stdout, stderr } = await run(fish, ['--no-config', '-c', script]);
    const words = stdout.split('\n').map((line) => line.split('\t', 1).join());
    expect(words, stderr).to.include.members(['json', 'text', '--log-format', 'delete_prefix']);
  });
});

describe('withFlagTables()', () => {
  const help = parseHelp(
    'Usage: x\n\nWhat it is.\n\nData:\n' +
      '  -a, --all <n>  all of -b, with o=<f>, or many_words; 0: none (CAIRN_ALL) (choices: "one", "two", default: "one")\n' +
      '  --b            be (CAIRN_B)\n\nExamples:\n  x  run\n',
  );
  const start = '<!-- flags, Data: written by npm run pages -->\n\n';
  const end = '<!-- end -->\n';
  const table = [
    '| flag            | environment | default | meaning                                                            |',
    '| --------------- | ----------- | ------- | ------------------------------------------------------------------ |',
    '| `-a, --all <n>` | `CAIRN_ALL` | `one`   | all of `-b`, with `o=<f>`, or `many_words`; 0: none (`one`, `two`) |',
    '| `--b`           | `CAIRN_B`   |         | be                                                                 |',
  ].join('\n');

  it('writes a table between the marks of a section, leaves the prose, and may run again', () => {
    const page = `# Page\n\n${start}old\n\n${end}\nProse.\n`;
    const written = withFlagTables(page, help);
    expect(written).to.equal(`# Page\n\n${start}${table}\n\n${end}\nProse.\n`);
    expect(withFlagTables(written, help)).to.equal(written);
  });

  it('refuses a page without the marks of a section, and marks without a section', () => {
    expect(() => withFlagTables('# Page\n', help)).to.throw('no marks for Data');
    const page = `${start}${end}${start.replace('Data', 'Wibble')}${end}`;
    expect(() => withFlagTables(page, help)).to.throw('no section Wibble');
  });
});
