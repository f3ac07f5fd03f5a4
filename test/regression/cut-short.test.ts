// A store that was stopped in order and then cut short was once called torn, as if the missing writes had never been
// acknowledged. And a copy by cp -al was written to together with the store that it was copied from.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { ServerFailure, ServerProcess, type Launch } from '../../tools/torture/server-process.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { DataDirectory } from '../support/data-directory.js';
import { PROJECT_DIR } from '../support/golden-file.js';
import { findProgram, run, skip } from '../support/programs.js';
import { cairnLaunch, temporaryFolder } from '../support/servers.js';
import { runTool } from '../support/tool-run.js';
import { removeFolder } from '../support/remove-folder.js';

const NOBODY = 65534;
const KV_COMPACT = join(PROJECT_DIR, 'dist/tools/kv-compact.js');

async function refusal(launch: Launch): Promise<ServerFailure> {
  const failure = await ServerProcess.start(launch).catch((error: unknown) => error);
  if (failure instanceof ServerFailure) return failure;
  throw new Error(`It was not refused: ${String(failure)}`);
}

describe('A store that was cut short after an orderly stop @long', function () {
  this.timeout(120_000);
  let root = '';
  let stopped = '';

  before(async () => {
    root = temporaryFolder();
    stopped = join(root, 'stopped');
    const server = await ServerProcess.start(cairnLaunch(stopped));
    const client = await WireClient.connect(server.port);
    for (const key of ['a', 'b', 'c', 'd'])
      expect(await client.line(`set ${key} 0 0 5\r\nvalue\r\n`)).to.equal('STORED');
    await server.stop();
  });
  after(() => removeFolder(root));

  function copy(name: string): DataDirectory {
    const path = join(root, name);
    cpSync(stopped, path, { recursive: true });
    return new DataDirectory(path);
  }

  function cut(name: string): DataDirectory {
    const data = copy(name);
    const [segment = ''] = data.names('.seg');
    // The cut is after the second of the four batches.
    truncateSync(data.pathOf(segment), data.batchesOf(segment)[2]! + 11);
    return data;
  }

  it('is refused by the server and by every tool, and each says what is missing since which stop', async () => {
    const data = cut('refused');
    const missing =
      /2 newer writes are missing: the log ends at seq 2, and .*IMAGE proves that seq 4 was on disk by the orderly stop of 20\d\d-.*\.seg@\d+/;
    const { code, message } = await refusal(cairnLaunch(data.path));
    expect(code).to.equal(EXIT.damage);
    expect(message).to.match(missing);
    const items = join(root, 'items.ndjson');
    writeFileSync(items, '{"key":"e","value":"value"}\n');
    const before = data.contents();
    for (const [tool, args] of [
      ['kv-check', [data.path]],
      ['kv-dump', [data.path]],
      ['kv-compact', [data.path]],
      ['kv-load', [data.path, items, '--partial']],
    ] as const) {
      const { code: ended, stdout, stderr } = await runTool(tool, [...args]);
      expect(ended, `${tool}: ${stderr}`).to.equal(EXIT.damage);
      const told = stdout + stderr;
      if (tool === 'kv-check') {
        expect(told).to.match(/2 newer writes are missing.*seq 4/);
        expect(told).not.to.include('torn');
      } else expect(told, tool).to.match(missing);
    }
    expect(data.contents()).to.equal(before);
  });

  it('is reported by kv-check as cut and as damaged when it is both', async () => {
    const data = cut('damaged');
    const [segment = ''] = data.names('.seg');
    const [first = 0] = new DataDirectory(stopped).batchesOf(segment);
    data.flip(segment, first + 60);
    const { code, stdout } = await runTool('kv-check', [data.path]);
    expect(code).to.equal(EXIT.damage);
    const told = stdout.toString();
    expect(told).to.match(/\.seg@\d+\+\d+: frame: /);
    expect(told).to.match(/\.seg@\d+: 2 newer writes are missing: the log ends at seq 2.*seq 4/);
    expect(told).not.to.include('torn');
  });

  it('becomes a new store by kv-check --repair, which says how many writes are missing', async () => {
    const data = cut('repaired');
    const to = join(root, 'repaired-new');
    const { code, stdout } = await runTool('kv-check', [data.path, '--repair', '--to', to]);
    expect(code).to.equal(EXIT.damage);
    expect(stdout.toString()).to.match(/^unknown: 2 newer writes are missing/);
    const server = await ServerProcess.start(cairnLaunch(to));
    const client = await WireClient.connect(server.port);
    const found = ['a', 'b', 'c', 'd'].map((key) => client.meta(`mg ${key} k\r\n`));
    expect(await Promise.all(found)).to.deep.equal(['HD ka', 'HD kb', 'EN kc', 'EN kd']);
    await server.stop();
  });

  it('is no place for a new store when only its image is left', async () => {
    const data = copy('left');
    for (const name of data.names()) if (name !== 'IMAGE') rmSync(data.pathOf(name));
    const { code, message } = await refusal(cairnLaunch(data.path));
    expect(code).to.equal(EXIT.damage);
    expect(message).to.include('MANIFEST and segments are missing');
    expect(message).to.include('IMAGE');
  });

  it('writes to a file of its own when it was copied by cp -al', async () => {
    const path = join(root, 'linked');
    execFileSync('cp', ['-al', stopped, path]);
    // LOCK is one file for both directories, so they cannot be open at the same time.
    const shared = new DataDirectory(stopped);
    const before = shared.contents();
    const server = await ServerProcess.start(cairnLaunch(path));
    expect(server.output).to.include('has 2 names');
    const client = await WireClient.connect(server.port);
    expect(await client.line('set e 0 0 5\r\nvalue\r\n')).to.equal('STORED');
    expect(await client.meta('mg a k\r\n')).to.equal('HD ka');
    await server.stop();
    expect(shared.contents()).to.equal(before);
    const { code } = await runTool('kv-check', [path]);
    expect(code).to.equal(EXIT.ok);
    for (const name of readdirSync(path).filter((each) => each.endsWith('.seg')))
      expect(statSync(join(path, name)).nlink).to.equal(1);
  });

  it('is refused with the name of a file that may not be read, unless that file is a cache', async function () {
    if (process.getuid?.() !== 0) skip(this, 'root');
    if (findProgram('setpriv') === undefined) skip(this, 'util-linux');
    chmodSync(root, 0o755);
    for (const name of new DataDirectory(stopped).names().filter((each) => each !== 'LOCK')) {
      const data = copy(`unreadable-${name}`);
      for (const each of ['', ...data.names()]) chownSync(join(data.path, each), NOBODY, NOBODY);
      chmodSync(data.pathOf(name), 0);
      const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
      if (name === 'IMAGE') {
        // It runs as the server does, but without the port file, which the test could not read.
        const { code } = await run('setpriv', [...user, process.execPath, KV_COMPACT, data.path]);
        expect(code).to.equal(EXIT.ok);
        const dump = await runTool('kv-dump', [data.path]);
        expect(dump.stdout.toString()).to.match(/"count":4 /);
      } else {
        const { command, args } = cairnLaunch(data.path);
        const launch = { command: 'setpriv', args: [...user, command, ...args] };
        const { code, message } = await refusal(launch);
        expect(code, name).to.equal(EXIT.noPermission);
        expect(message).to.include('may not be opened').and.to.include(data.pathOf(name));
      }
    }
  });
});
