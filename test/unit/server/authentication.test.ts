// Authentication: -Y in text, SASL PLAIN in binary, and TLS.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';

import { expect } from 'chai';

import { composePasswordDigest } from '../../../src/password-digest.js';
import { Users } from '../../../src/server/users.js';
import { skip } from '../../support/programs.js';
import { TestClient } from '../../support/test-server.js';
import { serversOf } from '../../support/test-server-hooks.js';
import { removeFolder } from '../../support/remove-folder.js';

const login = (words: string): string => `set x 0 0 ${words.length}\r\n${words}\r\n`;
const pair = (password: string): string => login(Buffer.from(`ann ${password}`).toString('latin1'));
const binary = (opcode: number, key: string, value: string, extras = ''): string => {
  const header = Buffer.alloc(24);
  header[0] = 0x80;
  header[1] = opcode;
  header.writeUInt16BE(key.length, 2);
  header[4] = extras.length;
  header.writeUInt32BE(extras.length + key.length + value.length, 8);
  return header.toString('latin1') + extras + key + value;
};
const statusOf = (packet: string): number => Buffer.from(packet, 'latin1').readUInt16BE(6);

describe('authentication @long', () => {
  const start = serversOf();
  let dir: string;
  let file: string;
  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-auth-'));
    file = path.join(dir, 'users');
    fs.writeFileSync(file, 'ann:secret\nbob:hunter2');
  });
  afterEach(() => removeFolder(dir));

  const FAILURE_DELAY_MS = 500;
  /** Calls at once, and notes the delays that a failed login causes. */
  const delays: number[] = [];
  const clock = {
    setTimer: (delayMs: number, call: () => void) => {
      if (delayMs === FAILURE_DELAY_MS) delays.push(delayMs);
      setImmediate(call);
      return { cancel: () => undefined };
    },
  };

  it('a client without a login after a minute is dropped and counted, and one with a login stays', async () => {
    let nowMs = 0;
    const looks: (() => void)[] = [];
    const setTimer = (delayMs: number, call: () => void): { cancel(): void } => {
      if (delayMs === 1000) looks.push(call);
      return { cancel: () => undefined };
    };
    const timed = { monotonicMs: () => nowMs, setTimer };
    const { connect, server } = await start({ argv: ['-Y', file], clock: timed });
    const lookAt = (ms: number): void => {
      nowMs = ms;
      for (const look of looks.splice(0)) look();
    };
    const [silent, talking, inside] = [await connect(), await connect(), await connect()];
    expect(await inside.ask(login('ann secret'), 'STORED\r\n')).to.equal('STORED\r\n');
    const refused = 'CLIENT_ERROR unauthenticated\r\n';
    lookAt(59_000);
    expect(await talking.ask('get a\r\n', refused)).to.equal(refused);
    lookAt(59_999);
    expect([server.connectionCount, server.counters.login_kicks]).to.deep.equal([3, 0]);
    lookAt(60_000);
    expect(server.counters.login_kicks).to.equal(2);
    expect([await silent.rest(), await talking.rest()]).to.deep.equal(['', '']);
    lookAt(600_000);
    expect(await inside.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
    expect(server.counters.login_kicks).to.equal(2);
  });

  it('-Y takes nothing but a right pair, on each connection', async () => {
    const { connect } = await start({ argv: ['-Y', file] });
    const [client, other] = [await connect(), await connect()];
    const refused = 'CLIENT_ERROR unauthenticated\r\n';
    expect(await client.ask('get a\r\n', refused)).to.equal(refused);
    expect(await client.ask(login('ann secret'), 'STORED\r\n')).to.equal('STORED\r\n');
    expect(await client.ask('get a\r\n', 'END\r\n')).to.equal('END\r\n');
    expect(await other.ask('get a\r\n', refused)).to.equal(refused);
  });

  it('pairs after a wrong pair are checked late and counted, and a right pair still logs in', async () => {
    const { connect, server } = await start({ argv: ['-Y', file, '--stall-timeout', '0'], clock });
    const client = await connect();
    const refused = 'CLIENT_ERROR authentication failure\r\n';
    delays.length = 0;
    expect(await client.ask(login('ann wrong'), refused)).to.equal(refused);
    expect(await client.ask(login('nobody secret'), refused)).to.equal(refused);
    expect(delays, 'before the second one').to.deep.equal([500]);
    expect(server.counters.auth_cmds).to.equal(2);
    expect(server.counters.auth_errors).to.equal(2);
    expect(await client.ask(login('bob hunter2'), 'STORED\r\n')).to.equal('STORED\r\n');
    expect(delays).to.deep.equal([500, 500]);
  });

  it('-S takes SASL PLAIN in binary, and before the login only what a login needs', async () => {
    const { connect } = await start({ argv: ['-S', '-Y', file], clock });
    const client = await connect();
    client.send(binary(0x00, 'a', ''));
    expect(statusOf(await client.take(24 + 'Auth failure.'.length))).to.equal(0x20);
    client.send(binary(0x20, '', ''));
    expect(await client.take(24 + 'PLAIN'.length)).to.match(/PLAIN$/);
    client.send(binary(0x21, 'PLAIN', '\0ann\0wrong'));
    expect(statusOf(await client.take(24 + 'Auth failure.'.length))).to.equal(0x20);
    client.send(binary(0x21, 'PLAIN', '\0ann\0secret'));
    expect(await client.take(24 + 'Authenticated'.length)).to.match(/Authenticated$/);
    client.send(binary(0x00, 'a', ''));
    expect(statusOf(await client.take(24 + 'Not found'.length))).to.equal(1);
  });

  it('a large value before a login is skipped and refused', async () => {
    const { connect, store } = await start({ argv: ['-S', '-Y', file, '-I', '8m'], clock });
    const client = await connect();
    client.send(binary(0x01, 'a', 'x'.repeat(2 ** 21), '\0\0\0\0\0\0\0\0'));
    expect(statusOf(await client.take(24 + 'Auth failure.'.length))).to.equal(0x20);
    expect(store.durability.lastSeq).to.equal(0);
  });

  describe('with digests', () => {
    const RIGHT = 'STORED\r\n';
    const WRONG = 'CLIENT_ERROR authentication failure\r\n';
    beforeEach(() => fs.writeFileSync(file, `ann:${composePasswordDigest('größe')}\n`));

    it('a right password is taken in text and by SASL, and a wrong one is refused', async () => {
      const { connect } = await start({ argv: ['-Y', file], clock });
      const client = await connect();
      expect(await client.ask(pair('grösse'), WRONG)).to.equal(WRONG);
      expect(await client.ask(pair('größe'), RIGHT)).to.equal(RIGHT);
      const other = await (await start({ argv: ['-S', '-Y', file], clock })).connect();
      const password = Buffer.from('größe').toString('latin1');
      other.send(binary(0x21, 'PLAIN', `\0ann\0${password}`));
      expect(await other.take(24 + 'Authenticated'.length)).to.match(/Authenticated$/);
    });

    it('a client whose pair loses its place in the queue gets an error', async () => {
      const { connect, server } = await start({ argv: ['-Y', file], clock });
      const clients = await Promise.all(Array.from({ length: 80 }, () => connect()));
      for (const [n, client] of clients.entries()) client.send(pair(`guess-${n}`));
      const refused = 'SERVER_ERROR too many logins, try again later\r\n';
      const until = Promise.all(clients.slice(0, 10).map((client) => client.until('\r\n')));
      expect(await until).to.include(refused);
      expect(server.counters.unchecked_logins).to.be.within(10, 16);
    });

    it('a client that has gone while it waits is not checked, and counts as no error', async () => {
      const { connect, server } = await start({ argv: ['-Y', file], clock });
      const clients = await Promise.all(Array.from({ length: 20 }, () => connect()));
      for (const [n, client] of clients.entries()) client.send(pair(`guess-${n}`));
      const client = await connect();
      const refused = 'CLIENT_ERROR unauthenticated\r\n';
      expect(await client.ask('get a\r\n', refused), 'all came before').to.equal(refused);
      for (const { socket } of clients) socket.resetAndDestroy();
      expect(await client.ask(pair('größe'), RIGHT)).to.equal(RIGHT);
      expect(server.counters.auth_cmds).to.equal(21);
      expect(server.counters.auth_errors).to.be.below(3);
    });

    it('a client that has only ended its input is answered', async () => {
      const { connect } = await start({ argv: ['-Y', file], clock });
      const client = await connect();
      client.socket.end(Buffer.from(`${pair('größe')}get a\r\n`, 'latin1'));
      expect(await client.rest()).to.equal(`${RIGHT}END\r\n`);
    });
  });

  it('Users reads plain and digest lines, reloads them, and refuses a file that it cannot use', () => {
    fs.appendFileSync(file, `\n# a comment\n\neve:${composePasswordDigest('pass word')}\n`);
    const users = new Users(file);
    const isRight = (user: string, password: string): boolean | undefined =>
      users.isRightInClear(Buffer.from(user), Buffer.from(password));
    expect(isRight('ann', 'secret')).to.equal(true);
    expect(isRight('ann', 'secre')).to.equal(false);
    expect(isRight('eve', 'pass word'), 'a digest').to.equal(undefined);
    expect(users.secretOf(Buffer.from('eve')).isKnown).to.equal(true);
    expect(users.secretOf(Buffer.from('mallory'))).to.deep.equal({
      secret: 'secret',
      isKnown: false,
    });
    expect(isRight('', '')).to.equal(false);
    fs.writeFileSync(file, 'carl:new\n');
    users.reload();
    expect(users.generation).to.equal(1);
    expect(isRight('ann', 'secret')).to.equal(false);
    expect(isRight('carl', 'new')).to.equal(true);
    fs.writeFileSync(file, 'nonsense\n');
    expect(() => users.reload()).to.throw('Line 1 is not user:password');
    expect(isRight('carl', 'new')).to.equal(true);
    expect(() => new Users(path.join(dir, 'none'))).to.throw('cannot be read');
  });

  it('refresh_certs is no command without TLS', async () => {
    const client = await (await start()).connect();
    expect(await client.ask('refresh_certs\r\n', 'ERROR\r\n')).to.equal('ERROR\r\n');
  });

  it('-Z speaks TLS, also in pipelines and large replies, and takes new certificates', async function () {
    const made = certificate(dir, 'first');
    if (!made) skip(this, 'openssl');
    const [cert, key] = [path.join(dir, 'cert.pem'), path.join(dir, 'key.pem')];
    const argv = ['-Z', '-o', `ssl_chain_cert=${cert},ssl_key=${key}`, '-I', '8m'];
    const { port, server } = await start({ argv });
    const open = async (): Promise<{ client: TestClient; name: string }> => {
      const ca = fs.readFileSync(cert);
      const socket = tls.connect({
        port,
        host: '127.0.0.1',
        ca,
        checkServerIdentity: () => undefined,
      });
      await new Promise<void>((resolve, reject) => {
        socket.once('secureConnect', resolve);
        socket.once('error', reject);
      });
      return {
        client: new TestClient(socket),
        name: String(socket.getPeerCertificate().subject.CN),
      };
    };
    const first = await open();
    expect(first.name).to.equal('first');
    const value = 'x'.repeat(3 * 2 ** 20);
    const { client } = first;
    expect(await client.ask(`set a 0 0 ${value.length}\r\n${value}\r\n`, 'STORED\r\n')).to.equal(
      'STORED\r\n',
    );
    const small = 'get b\r\n'.repeat(50);
    const hit = `VALUE a 0 ${value.length}\r\n${value}\r\nEND\r\n${'END\r\n'.repeat(50)}`;
    expect((await client.ask(`get a\r\n${small}`, hit)) === hit).to.equal(true);
    certificate(dir, 'second');
    server.reload();
    const second = await open();
    expect(second.name).to.equal('second');
    const refresh = (expected: string): Promise<string> =>
      second.client.ask('refresh_certs\r\n', expected);
    certificate(dir, 'third');
    expect(await refresh('OK\r\n')).to.equal('OK\r\n');
    const third = await open();
    expect(third.name).to.equal('third');
    third.client.socket.destroy();
    fs.writeFileSync(key, 'nonsense');
    const refused = 'SERVER_ERROR certificates cannot be used\r\n';
    expect(await refresh(refused), 'a broken key: the old one stays').to.equal(refused);
    const fourth = await open();
    expect(fourth.name).to.equal('third');
    fourth.client.socket.destroy();
    client.socket.destroy();
    second.client.socket.destroy();
  });
});

function certificate(dir: string, name: string): boolean {
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name}`;
  const files = ['-keyout', path.join(dir, 'key.pem'), '-out', path.join(dir, 'cert.pem')];
  return spawnSync('openssl', [...words.split(' '), ...files]).status === 0;
}
