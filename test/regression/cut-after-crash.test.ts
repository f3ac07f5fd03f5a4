// A killed store has no image. When a copy of it was cut, its log looked torn: the server started with what was left and
// rewrote the tail. The manifest knows how long the file had been.

import { cpSync, existsSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { ServerFailure, ServerProcess } from '../../tools/torture/server-process.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { DataDirectory } from '../support/data-directory.js';
import { cairnLaunch, temporaryFolder } from '../support/servers.js';
import { runTool } from '../support/tool-run.js';
import { removeFolder } from '../support/remove-folder.js';

const KEYS = ['a', 'b', 'c', 'd'];
/** Lengths from the header alone to one byte less than the file had. */
const CUTS = [64, 100, 200, 300, 4096, 1_000_000, -1];

describe('A store that was killed, and cut short by a copy @long', function () {
  this.timeout(120_000);
  let root = '';
  let killed = '';

  before(async () => {
    root = temporaryFolder();
    killed = join(root, 'killed');
    const server = await ServerProcess.start(cairnLaunch(killed));
    const client = await WireClient.connect(server.port);
    for (const key of KEYS)
      expect(await client.line(`set ${key} 0 0 5\r\nvalue\r\n`)).to.equal('STORED');
    const manifest = join(killed, 'MANIFEST');
    while (!readFileSync(manifest, 'utf8').includes('"zeroed":')) await setTimeout(10);
    await server.kill();
  });
  after(() => removeFolder(root));

  function copy(name: string): DataDirectory {
    const path = join(root, name);
    cpSync(killed, path, { recursive: true, filter: (from) => !from.endsWith('.sock') });
    return new DataDirectory(path);
  }

  it('is refused by the server and named by kv-check, wherever it was cut', async () => {
    for (const bytes of CUTS) {
      const data = copy(`cut${bytes}`);
      const [segment = ''] = data.names('.seg');
      const path = data.pathOf(segment);
      const length = bytes < 0 ? statSync(path).size + bytes : bytes;
      truncateSync(path, length);
      const failure = await ServerProcess.start(cairnLaunch(data.path)).catch(
        (error: unknown) => error,
      );
      if (!(failure instanceof ServerFailure)) throw new Error(`${bytes}: it was not refused`);
      expect(failure.code, `${bytes}`).to.equal(EXIT.damage);
      expect(failure.message).to.match(/had been \d+ bytes long and has \d+: it was cut/);
      expect(statSync(path).size, 'nothing was changed').to.equal(length);
      const checked = await runTool('kv-check', [data.path]);
      expect(checked.code).to.equal(EXIT.damage);
      expect(checked.stdout.toString()).to.include('it was cut');
    }
  });

  it('starts with every key when nothing is missing, and when an orderly stop shows that only zeros are missing', async () => {
    const data = copy('whole');
    for (const life of ['after the kill', 'after a stop, without zeros']) {
      const server = await ServerProcess.start(cairnLaunch(data.path));
      const client = await WireClient.connect(server.port);
      for (const key of KEYS) expect(await client.line(`mg ${key} s\r\n`), life).to.equal('HD s5');
      await server.stop();
      const [segment = ''] = data.names('.seg');
      expect(existsSync(data.pathOf('IMAGE'))).to.equal(true);
      truncateSync(data.pathOf(segment), data.batchesOf(segment).at(-1)! + 48);
    }
  });

  it('is refused too when its values are long and have no zeros ahead', async () => {
    const data = new DataDirectory(join(root, 'long'));
    const server = await ServerProcess.start(cairnLaunch(data.path, ['--segment-size', '8m']));
    const client = await WireClient.connect(server.port);
    const value = 'x'.repeat(500_000);
    for (let at = 0; at < 12; at += 1)
      expect(await client.line(`set k${at} 0 0 ${value.length}\r\n${value}\r\n`)).to.equal(
        'STORED',
      );
    const noted = (): number => data.manifest().segments[0]?.zeroed ?? 0;
    while (noted() < 4_000_000) await setTimeout(10);
    await server.kill();
    truncateSync(data.pathOf(data.names('.seg')[0] ?? ''), noted() - 1);
    const failure = await ServerProcess.start(cairnLaunch(data.path)).catch(
      (error: unknown) => error,
    );
    expect(failure instanceof ServerFailure && failure.code).to.equal(EXIT.damage);
  });
});
