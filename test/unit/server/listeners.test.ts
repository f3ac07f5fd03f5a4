// The listeners of the server: unix sockets, several addresses, the plain port, and the file of the ports.

import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { once } from 'node:events';

import { expect } from 'chai';

import { nodeEnv } from '../../../src/env/node-env.js';
import { isKvError } from '../../../src/errors.js';
import { ListenError } from '../../../src/server/errors.js';
import { writePortFile } from '../../../src/server/listeners.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { startServer, TestClient } from '../../support/test-server.js';
import { serversOf } from '../../support/test-server-hooks.js';
import { removeFolder } from '../../support/remove-folder.js';

const open = async (where: string | number): Promise<TestClient> => {
  const socket = typeof where === 'string' ? net.connect(where) : net.connect(where, '127.0.0.1');
  await once(socket, 'connect');
  return new TestClient(socket);
};
const portOf = (address: string | undefined): number => Number(address?.split(':').pop());

describe('listeners', () => {
  const start = serversOf();
  let dir: string;
  beforeEach(() => (dir = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-listen-'))));
  afterEach(() => removeFolder(dir));

  it('a unix socket has its permissions, and replaces the file that a dead server left', async () => {
    const file = path.join(dir, 'sock');
    const dead = net.createServer().listen(file);
    await once(dead, 'listening');
    // The file stays although its server is closed, as after kill -9.
    const kept = path.join(dir, 'kept');
    fs.renameSync(file, kept);
    dead.close();
    await once(dead, 'close');
    if (fs.existsSync(kept)) fs.renameSync(kept, file);
    const { server } = await start({ argv: ['-s', file, '-a', '750'] });
    expect(server.addresses).to.deep.equal([file]);
    expect(fs.statSync(file).mode & 0o777).to.equal(0o750);
    const client = await open(file);
    expect(await client.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
    client.socket.destroy();
  });

  it('an address in use is refused by name', async () => {
    const { port } = await start();
    let error: unknown;
    try {
      await startServer({ argv: ['-l', `127.0.0.1:0,127.0.0.1:${port}`] });
    } catch (caught) {
      error = caught;
    }
    expect(error).to.be.instanceOf(ListenError);
    expect(String(error)).to.contain(`127.0.0.1:${port}`).and.contain('in use');
  });

  it('a unix socket in use is refused', async () => {
    const file = path.join(dir, 'sock');
    await start({ argv: ['-s', file] });
    let error: unknown;
    try {
      await startServer({ argv: ['-s', file] });
    } catch (caught) {
      error = caught;
    }
    expect(String(error)).to.contain('in use');
  });

  it('the plain port answers in the plain form', async () => {
    const { server, port } = await start({ argv: ['--plain-port', '-1'] });
    expect(server.addresses).to.have.length(2);
    const plain = await open(portOf(server.addresses[1]));
    const usual = await open(port);
    await plain.ask('set test 9 \r\ngaduValue\r\n', 'STORED\r\n');
    const hit = 'VALUE test 9\r\ngaduValue\r\nEND\r\n';
    expect(await plain.ask('get test\r\n', hit)).to.equal(hit);
    expect(await plain.ask('get none\r\n', 'Not-Exists\r\n')).to.equal('Not-Exists\r\n');
    const memcached = 'VALUE test 0 9\r\ngaduValue\r\nEND\r\n';
    expect(await usual.ask('get test\r\n', memcached)).to.equal(memcached);
    plain.socket.destroy();
    usual.socket.destroy();
  });

  it('MEMCACHED_PORT_FILENAME names the file that holds the ports', async () => {
    const file = path.join(dir, 'ports');
    const { port } = await start({ env: { MEMCACHED_PORT_FILENAME: file } });
    expect(fs.readFileSync(file, 'latin1')).to.equal(`TCP INET: ${port}\n`);
    expect(fs.readdirSync(dir)).to.deep.equal(['ports']);
  });

  for (const [what, name, reason] of [
    ['in a directory that is not there', 'none/ports', 'no such file'],
    ['below a file', 'file/ports', 'not a directory'],
    ['with a name that is too long', 'n'.repeat(300), 'too long'],
  ] as const) {
    it(`a port file ${what} is a warning that names it, and the server serves`, async () => {
      fs.writeFileSync(path.join(dir, 'file'), '');
      const file = path.join(dir, name);
      const logger = new QuietLogger();
      const { port } = await start({ env: { MEMCACHED_PORT_FILENAME: file }, logger });
      const client = await open(port);
      expect(await client.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
      client.socket.destroy();
      const [warning, ...more] = logger.lines.filter(({ level }) => level === 'warn');
      expect(more).to.deep.equal([]);
      expect(warning?.message).to.contain('MEMCACHED_PORT_FILENAME').and.contain(reason);
      expect(warning?.fields).to.deep.equal({ path: file });
    });
  }

  it('a port file in the place of a directory is refused, and nothing is written there', async () => {
    const env = { ...nodeEnv(new QuietLogger()) };
    const refused = await writePortFile(env, dir, []).catch((error: unknown) => error);
    expect(isKvError(refused, 'KV_BAD_OPTION')).to.equal(true);
    expect(fs.readdirSync(dir)).to.deep.equal([]);
  });
});
