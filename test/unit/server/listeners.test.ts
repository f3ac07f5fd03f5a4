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
  afterEach(() => fs.rmSync(dir, { recursive: true }));

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

  it('writePortFile() names the setting when the file cannot be written', async () => {
    const refused = await writePortFile(
      nodeEnv(new QuietLogger()).fs,
      path.join(dir, 'none/ports'),
      [],
    ).catch((error: unknown) => error);
    expect(isKvError(refused, 'KV_IO')).to.equal(true);
    expect(String(refused)).to.contain('MEMCACHED_PORT_FILENAME').and.contain('no such file');
  });
});
