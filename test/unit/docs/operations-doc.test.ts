// docs/operations.md and the how-tos against the programs: every counter, flag and file that they name exists.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { PROJECT_DIR } from '../../support/golden-file.js';
import { ServerCommand } from '../../support/server-command.js';
import { runTool } from '../../support/tool-run.js';
import { temporaryFolder } from '../../support/servers.js';

const DOC = readFileSync(join(PROJECT_DIR, 'docs', 'operations.md'), 'utf8');
const HOW_TO = join(PROJECT_DIR, 'docs/how-to');
const HOW_TOS = readdirSync(HOW_TO).map((name) => readFileSync(join(HOW_TO, name), 'utf8'));
const TEXTS = [DOC, ...HOW_TOS].join('\n');

function named(pattern: RegExp, text: string): string[] {
  return [...new Set(text.match(pattern))];
}

describe('docs/operations.md', () => {
  it('names only counters that stats has', async () => {
    const argv = ['-l', '127.0.0.1', '-p', '-1', '--data', temporaryFolder()];
    const server = new ServerCommand(argv);
    const { stdout } = await runTool('kv-client', [`127.0.0.1:${await server.port()}`, 'stats']);
    server.child.kill('SIGTERM');
    await server.ended;
    const counters = new Set(stdout.toString().match(/(?<=^STAT )\w+/gm));
    const cells = named(/(?<=`)[a-z]+(?:_[a-z0-9]+)+(?=`)/g, DOC).filter(
      (word) => word !== 'stop_grace_period',
    );
    expect(cells.length).to.be.greaterThan(35);
    expect(cells.filter((name) => !counters.has(name))).to.deep.equal([]);
  });

  it('names only flags that the server or a tool has, and so do the how-tos and alerts', async () => {
    const tools = [
      'kv-server',
      'kv-dump',
      'kv-load',
      'kv-check',
      'kv-client follow',
      'kv-backup',
      'kv-restore',
    ];
    const helps = await Promise.all(
      tools.map((tool) => {
        const [name = '', ...command] = tool.split(' ');
        return runTool(name, [...command, '--help']);
      }),
    );
    const known = helps.map(({ stdout }) => stdout.toString()).join('\n');
    // These flags belong to npm, Docker, systemd and curl, and to a program on a page.
    const others =
      '--global --health-cmd --time --now --signal --property --unit --no-pager --lines --cacert --crash';
    const alerts = readFileSync(join(PROJECT_DIR, 'packaging/prometheus/alerts.yml'), 'utf8');
    const texts = `${TEXTS}\n${alerts}`;
    const flags = named(/(?<![\w-])--[a-z][a-z-]+/g, texts).filter(
      (flag) => !others.split(' ').includes(flag),
    );
    expect(flags.length).to.be.greaterThan(10);
    expect(flags.filter((flag) => !known.includes(`${flag} `))).to.deep.equal([]);
  });

  it('names only files of packaging/ that exist, and so do the how-tos', () => {
    const files = named(/\bcairn\.(?:sysusers|toml|service)\b|packaging\/[A-Za-z.-]+\w/g, TEXTS);
    expect(files.length).to.be.greaterThan(3);
    const paths = files.map((name) => (name.startsWith('packaging/') ? name : `packaging/${name}`));
    expect(paths.filter((path) => !existsSync(join(PROJECT_DIR, path)))).to.deep.equal([]);
  });
}).timeout(60_000);
