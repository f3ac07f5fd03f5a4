// --config and --check-config: which setting wins, which lines of the file are refused, and that nothing is started.

import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import type { Config, Exit } from '../../../src/config/config.js';
import { readSettings } from '../../../src/process/settings.js';
import { PROJECT_DIR } from '../../support/golden-file.js';
import { ServerCommand } from '../../support/server-command.js';
import { removeFolder } from '../../support/remove-folder.js';

type Environment = Record<string, string>;

/** Returns the settings that are no defaults, without the comment that says where each is from. */
function settingsIn(lines: readonly string[]): string[] {
  return lines.filter((line) => !line.startsWith('#')).map((line) => line.split(' # ')[0] ?? '');
}

describe('--config and --check-config', () => {
  let dir = '';
  let path = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cairn-settings-'));
    path = join(dir, 'cairn.toml');
  });
  afterEach(() => removeFolder(dir));

  function read(
    text: string | Buffer,
    argv: readonly string[] = [],
    env: Environment = {},
  ): Promise<Config | Exit> {
    writeFileSync(path, text);
    return readSettings(['--config', path, ...argv], env, '1.2.3');
  }

  async function taken(text: string, argv?: readonly string[], env?: Environment): Promise<Config> {
    const config = await read(text, argv, env);
    if ('code' in config) throw new Error(config.stderr);
    return config;
  }

  async function checked(
    text: string,
    argv: readonly string[] = [],
    env?: Environment,
  ): Promise<string[]> {
    const exit = await read(text, ['--check-config', ...argv], env);
    if (!('code' in exit)) throw new Error('it would have been started');
    expect(exit.code, exit.stderr).to.equal(0);
    return exit.stdout.split('\n').map((line) => line.replaceAll(/ +/g, ' '));
  }

  it('takes the long names of flags and the names of the environment', async () => {
    const config = await taken(
      'port = 8080\nlisten = ["127.0.0.1", "::1"]\n"max-bytes" = "10g"\nCAIRN_MEMORY_LIMIT = 128\n' +
        'compact-ratio = 0.25\ndisable-evictions = true\ndisable-cas = false\nverbose = 2\nsnapshot = "10m"\n',
    );
    expect(config.endpoints).to.deep.equal(
      ['127.0.0.1', '::1'].map((host) => ({ kind: 'tcp', host, port: 8080, plain: false })),
    );
    expect(config).to.include({
      storeBytesMax: 10 * 2 ** 30,
      cacheBytes: 2 ** 27,
      compactRatio: 0.25,
      evicts: false,
      casEnabled: true,
      verbosity: 2,
      snapshot: 600_000,
    });
  });

  it('--check-config prints the output that docs/configuration.md shows', async () => {
    const page = readFileSync(join(PROJECT_DIR, 'docs/configuration.md'), 'utf8');
    const file = /```toml\n([^]*?)```/.exec(page)?.[1] ?? '';
    const [, flags = '', shown = ''] =
      /\$ kv-server --config cairn\.toml (.*) --check-config\n([^]*?)```/.exec(page) ?? [];
    const printed = await checked(file, flags.split(' '), { CAIRN_MAX_KEYS: '1000000' });
    const lines = shown.split('\n').map((line) => line.replaceAll(/ +/g, ' '));
    expect(lines).to.have.length.above(7);
    expect(printed.map((line) => line.replace(path, 'cairn.toml'))).to.include.members(lines);
  });

  it('a flag wins over the environment, the environment over the file, and the file over the default', async () => {
    const text = 'max-keys = 1\nmax-idle = 1\nconn-limit = 1\nenable-shutdown = true\n';
    const env = { CAIRN_MAX_KEYS: '2', CAIRN_MAX_IDLE: '2', CAIRN_ENABLE_SHUTDOWN: '0' };
    const config = await taken(text, ['--max-keys', '3'], env);
    expect(config).to.include({ keysMax: 3, maxIdleMs: 2000, connectionsMax: 1, backlog: 1024 });
    // The environment switched it off, so the file cannot switch it on.
    expect(config.shutdownEnabled).to.equal(false);
    const named = await readSettings([], { CAIRN_CONFIG: path }, '1.2.3');
    expect(named).to.include({ keysMax: 1 });
  });

  it('a repeated flag replaces the list of the file', async () => {
    const { endpoints } = await taken('listen = ["10.0.0.1", "10.0.0.2"]', ['-l', 'a', '-l', 'b']);
    expect(endpoints.map((each) => (each.kind === 'tcp' ? each.host : ''))).to.deep.equal([
      'a',
      'b',
    ]);
  });

  for (const [text, line, said] of [
    ['max_key = 3', 2, 'did you mean max-keys?'],
    ['CAIRN_MAXKEYS = 3', 2, 'did you mean CAIRN_MAX_KEYS?'],
    ['wibble = 3', 2, 'long names of the flags'],
    ['max-keys = "99999999999999999999"', 2, 'It is too large.'],
    ['conn-limit = "99999999999999999999"', 2, 'It is at most 1000000.'],
    ['port = "x"', 2, "port 'x' is invalid. Give a whole number."],
    ['log-format = "xml"', 2, 'Allowed choices are text, json'],
    ['daemon = "maybe"', 2, 'yes or no'],
    ['data = /var/lib', 2, 'quotes round text'],
    ['port = 1\n\nCAIRN_PORT = 2', 4, 'set on line 2 already'],
    ['port = 1\nport = 2', 3, 'not TOML'],
    ['[data]\nmax-keys = 1', 2, 'is a table or a date'],
    ['max.keys = 1', 2, 'is a table or a date'],
    ['max-keys = 2026-01-01', 2, 'is a table or a date'],
    ['memory-limit = [1, 2]', 2, 'one value, not a list'],
    ['config = "other.toml"', 2, 'a flag only'],
    ['check-config = true', 2, 'a flag only'],
    ['enable-sasl = true', 2, '-S needs the users'],
    ['max-bytes = 1000', 2, '--max-bytes is at least 1m'],
    ['listen = ["h", "a:b:c@"]', 2, "'a:b:c@' is not an address"],
  ] as const) {
    it(`refuses ${JSON.stringify(text)} and names its line, also when a flag would win`, async () => {
      for (const argv of [[], ['--check-config'], ['-c', '9']]) {
        const exit = await read(`# a comment\n${text}\n`, argv);
        if (!('code' in exit)) throw new Error('it was taken');
        expect(exit.code).to.equal(64);
        expect(exit.stderr).to.contain(said).and.to.contain(`${path}:${line}`);
      }
    });
  }

  it('refuses a mistake in the file although a flag wins', async () => {
    const exit = await read('port = "x"', ['-p', '80']);
    expect(exit).to.include({ code: 64 });
  });

  it('names the path of a file that cannot be read', async () => {
    for (const [file, said] of [
      [join(dir, 'nothing'), 'no such file'],
      [dir, 'it is a directory'],
      ['/dev/zero', 'larger than 1 MiB'],
    ] as const) {
      const exit = await readSettings(['--config', file], {}, '1.2.3');
      expect(exit).to.include({ code: 64 });
      expect('code' in exit && exit.stderr)
        .to.contain(file)
        .and.to.contain(said);
    }
    const exit = await read(Buffer.from([0x61, 0x20, 0x3d, 0x20, 0x22, 0xff, 0x22]));
    expect('code' in exit && exit.stderr).to.contain('not UTF-8');
    expect(await taken('\ufeffmax-keys = 7')).to.include({ keysMax: 7 });
  });

  it('--check-config says where each setting comes from', async () => {
    const env = { CAIRN_DATA: '/srv/x' };
    const lines = await checked('port = 8080\nlisten = ["a", "b"]\nthreads = 8', ['-vv'], env);
    expect(lines).to.include.members([
      `port = 8080 # ${path}:1`,
      `listen = ["a", "b"] # ${path}:2`,
      'data = "/srv/x" # environment CAIRN_DATA',
      'verbose = 2 # flag --verbose',
      '# segment-size = "64m" # default',
      '# auth-file is not set',
    ]);
  });

  it('--check-config prints a file that gives the same settings', async () => {
    const before = await checked('listen = ["a", "b"]\ndelimiter = "\\""', ['-m', '100', '-M']);
    const after = await checked(before.join('\n'));
    expect(settingsIn(after)).to.deep.equal(settingsIn(before));
    expect(settingsIn(before)).to.include('delimiter = "\\""');
  });

  it('kv-server --check-config starts and creates nothing', async () => {
    const data = join(dir, 'data');
    writeFileSync(path, `data = "${data}"\npidfile = "${join(dir, 'pid')}"\nport = -1\n`);
    const checking = await new ServerCommand(['--config', path, '--check-config']).ended;
    expect(checking, checking.stderr).to.include({ code: 0, stderr: '' });
    expect(checking.stdout).to.contain(`data = "${data}"`);
    expect(readdirSync(dir)).to.deep.equal(['cairn.toml']);
    const server = new ServerCommand(['--config', path]);
    await server.port();
    expect(readdirSync(dir).toSorted()).to.deep.equal(['cairn.toml', 'data', 'pid']);
    server.child.kill('SIGTERM');
    expect(await server.ended).to.include({ code: 0 });
  });
});
