// examples/backup-by-cron: the lines of its crontab as cron would run them, beside a server that is used and killed.

import { readFileSync, readdirSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';

import { ExampleServer } from '../support/example-server.js';
import { run, type Finished } from '../support/programs.js';
import { runTool } from '../support/tool-run.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { removeFolder } from '../support/remove-folder.js';

const ROOT = join(import.meta.dirname, '../../..');
const CRONTAB = readFileSync(join(ROOT, 'examples/backup-by-cron/crontab'), 'utf8').split('\n');

async function keysIn(dir: string): Promise<string[]> {
  const dump = await runTool('kv-dump', [dir, '--format', 'ndjson', '--keys-only']);
  expect(dump.code, dump.stderr).to.equal(0);
  return dump.stdout.toString().match(/key\d+/g) ?? [];
}

describe('examples/backup-by-cron @long', function () {
  // Each line starts processes that read a store.
  this.timeout(120_000);
  let server: ExampleServer;
  let backup = '';

  beforeEach(async () => {
    server = await ExampleServer.start();
    backup = join(server.folder, 'backup');
  });
  afterEach(async () => {
    await server.stop();
  });

  /** Runs the line of the crontab that names `script`, with the settings of the crontab but the places of this test. */
  function cron(script: string, more: Readonly<Record<string, string>> = {}): Promise<Finished> {
    const line = CRONTAB.find((each) => each.includes(script) && !each.startsWith('#')) ?? '';
    const command = /^(?:\S+ ){5}(.*)$/.exec(line)?.[1] ?? '';
    const settings = CRONTAB.filter((each) => /^[A-Z_]+=/.test(each));
    const places = {
      PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
      KV_HOME: ROOT,
      KV_TOOLS: join(ROOT, 'dist/tools'),
      CAIRN_DATA: server.dataDir,
      BACKUP_DIR: backup,
      TMPDIR: server.folder,
      ...more,
    };
    const words = Object.entries(places).map(([name, value]) => `${name}=${value}`);
    return run('/usr/bin/env', ['-i', ...settings, ...words, '/bin/sh', '-c', command]);
  }

  async function store(from: number, end: number): Promise<void> {
    const client = await WireClient.connect(server.port);
    for (let i = from; i < end; i++) {
      expect(await client.line(`set key${i} 0 0 5\r\nvalue\r\n`)).to.equal('STORED');
    }
    client.close();
  }

  it('is silent, takes what is new, and what was acknowledged before a kill -9', async () => {
    const silent = { code: 0, stdout: '', stderr: '' };
    await store(0, 10);
    expect(await cron('backup.sh')).to.deep.equal(silent);
    await store(10, 20);
    await server.kill();
    expect(await cron('backup.sh')).to.deep.equal(silent);
    removeFolder(server.dataDir);

    const drill = await cron('restore-drill.sh');
    expect(drill.stdout).to.match(/^The drill went well: 20 keys at seq 20, .*, \d+ s ago\n$/);
    expect(readdirSync(server.folder)).to.deep.equal(['backup']);

    const restored = await runTool('kv-restore', [backup, '--to', server.dataDir]);
    expect(restored.code, restored.stderr).to.equal(0);
    expect(await keysIn(server.dataDir)).to.have.length(20);
    await server.restart();
    await store(20, 21);
  });

  it('says loudly that there is no backup, and that a backup is damaged or old', async () => {
    await store(0, 10);
    const missing = await cron('backup.sh', { CAIRN_DATA: join(server.folder, 'nowhere') });
    expect(missing.code).to.equal(66);
    expect(missing.stdout).to.match(/^NO BACKUP of .*\nkv-backup: There is no such directory/);

    expect((await cron('backup.sh')).code).to.equal(0);
    const old = await cron('restore-drill.sh', { MAX_AGE_S: '-1' });
    expect(old.code).to.equal(1);
    expect(old.stdout).to.match(/^THE DRILL FAILED: The newest backup is \d+ seconds old/);

    const segment = readdirSync(backup).find((name) => name.endsWith('.seg')) ?? '';
    truncateSync(join(backup, segment), 100);
    const damaged = await cron('restore-drill.sh');
    expect(damaged.code).to.equal(1);
    expect(damaged.stdout).to.match(/^THE DRILL FAILED: kv-restore: /);
    expect(readdirSync(server.folder).toSorted()).to.deep.equal(['backup', 'data']);
  });
});
