// TLS of a real server process: the clients that must show a certificate, the certificates that are good, and the
// change to new certificates while old connections go on.

import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';

import { expect } from 'chai';

import {
  Authority,
  canMakeCertificates,
  clientFiles,
  type Certificate,
} from '../../support/certificates.js';
import { skip } from '../../support/programs.js';
import { ServerCommand } from '../../support/server-command.js';
import { TestClient } from '../../support/test-server.js';
import { removeFolder } from '../../support/remove-folder.js';

const END = 'END\r\n';
/** The names in the certificates of the tests are no host names. */
const checkServerIdentity = (): undefined => undefined;

interface Opened {
  readonly client: TestClient;
  /** The name in the server's certificate. */
  readonly name: string;
  readonly version: string | null;
}

describe('kv-server over TLS @long', function () {
  let dir: string;
  let authority: Authority;
  let server: ServerCommand | undefined;
  const sockets: tls.TLSSocket[] = [];

  before(function () {
    if (!canMakeCertificates()) skip(this, 'openssl');
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-tls-'));
    authority = new Authority(dir, 'ours');
  });
  after(() => removeFolder(dir));
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server?.child.kill('SIGKILL');
    await server?.ended;
    removeFolder(path.join(dir, 'data'));
  });

  /** Starts the server with the certificate `first` in the files of `server`. */
  async function start(options: string, ...argv: string[]): Promise<number> {
    const { certPath, keyPath } = authority.sign('first', 'server');
    const words = `ssl_chain_cert=${certPath},ssl_key=${keyPath}${options}`;
    const data = path.join(dir, 'data');
    server = new ServerCommand(['-p', '-1', '--data', data, '-Z', '-o', words, ...argv]);
    return server.port();
  }

  /** Connects; rejects when the handshake fails. With TLS 1.3 a client learns of its refusal only later. */
  async function open(port: number, more: tls.ConnectionOptions = {}): Promise<Opened> {
    const ca = fs.readFileSync(authority.certPath);
    const socket = tls.connect({ port, host: '127.0.0.1', ca, checkServerIdentity, ...more });
    sockets.push(socket);
    await once(socket, 'secureConnect');
    const name = String(socket.getPeerCertificate().subject.CN);
    return { client: new TestClient(socket), name, version: socket.getProtocol() };
  }

  /** Returns the reply to a client with that certificate, or an empty text when it is refused. */
  async function answered(port: number, shown: Certificate | undefined): Promise<string> {
    const { client } = await open(port, shown === undefined ? {} : clientFiles(shown));
    return client.ask('get a\r\n', END);
  }

  const client = (): string => `,ssl_ca_cert=${authority.certPath},ssl_verify_mode=`;
  const known = (): Certificate => authority.sign('known');
  const stranger = (): Certificate => new Authority(dir, 'theirs').sign('stranger');

  it('ssl_verify_mode 0 asks no client for a certificate', async () => {
    const port = await start(`${client()}0`);
    for (const shown of [undefined, known(), stranger()]) {
      expect(await answered(port, shown)).to.equal(END);
    }
  });

  it('ssl_verify_mode 1 takes clients without a certificate, but not with one of a stranger @long', async () => {
    const port = await start(`${client()}1`);
    expect(await answered(port, undefined)).to.equal(END);
    expect(await answered(port, known())).to.equal(END);
    expect(await answered(port, stranger())).to.equal('');
  });

  for (const mode of [2, 3]) {
    it(`ssl_verify_mode ${mode} takes only clients with a good certificate @long`, async () => {
      const port = await start(`${client()}${mode}`, '-vv');
      expect(await answered(port, known())).to.equal(END);
      expect(await answered(port, stranger()), 'signed by another').to.equal('');
      expect(await answered(port, undefined), 'none').to.equal('');
      await server!.says('A TLS handshake failed');
      expect(await answered(port, known()), 'others do not notice').to.equal(END);
    });
  }

  it('notls, btls and mtls before an address apply only to its listener @long', async () => {
    const addresses = 'notls:127.0.0.1,btls:127.0.0.1,mtls:127.0.0.1,127.0.0.1';
    await start(`${client()}1`, '-l', addresses);
    const said = await server!.says('ready in');
    const ports = [...said.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
    expect(ports).to.have.length(4);
    const [none, unverified, verified, asked] = ports;
    const plain = await TestClient.open(none!);
    expect(await plain.ask('get a\r\n', END)).to.equal(END);
    plain.send('stats settings\r\n');
    const settings = await plain.until(END);
    expect(settings).to.match(/STAT time_since_server_cert_refresh \d+\r\n/);
    expect(settings).to.contain('STAT ssl_verify_mode 1\r\n');
    plain.socket.destroy();
    for (const [shown, replies] of [
      [undefined, [END, '', END]],
      [known(), [END, END, END]],
      [stranger(), [END, '', '']],
    ] as const) {
      const said: string[] = [];
      for (const port of [unverified, verified, asked]) said.push(await answered(port!, shown));
      expect(said).to.deep.equal(replies);
    }
  });

  it('the start is refused when certificates are wanted and no authority can check them', async () => {
    await start(',ssl_verify_mode=2').catch(() => 0);
    const { code, stderr } = await server!.ended;
    expect(code).to.equal(64);
    expect(stderr).to.contain('ssl_ca_cert');
  });

  it('an open address gives no warning when clients need a certificate', async () => {
    await start(`${client()}2`, '-l', '0.0.0.0');
    await server!.says('ready in');
    expect(server!.stderr).not.to.contain('Anyone who reaches');
  });

  it('plain text on a TLS port gets no reply', async () => {
    const port = await start('');
    const plain = await TestClient.open(port);
    plain.send('get a\r\n');
    expect(await plain.rest()).not.to.contain('END');
  });

  for (const how of ['SIGHUP', 'refresh_certs'] as const) {
    it(`${how} serves new certificates to new connections, and old connections go on @long`, async () => {
      const port = await start(',ssl_min_version=tlsv1.3', '-v');
      const first = await open(port);
      expect(first.name).to.equal('first');
      let reloads = 0;
      const reload = async (isGood: boolean): Promise<void> => {
        if (how === 'SIGHUP') {
          server!.child.kill('SIGHUP');
          if (isGood) await server!.saysTimes('were read again', (reloads += 1));
          else await server!.says('TLS cannot start');
          return;
        }
        const reply = isGood ? 'OK\r\n' : 'SERVER_ERROR certificates cannot be used\r\n';
        expect(await first.client.ask('refresh_certs\r\n', reply)).to.equal(reply);
      };
      authority.sign('second', 'server');
      await reload(true);
      expect((await open(port)).name).to.equal('second');

      const { keyPath } = authority.sign('third', 'server');
      fs.copyFileSync(known().keyPath, keyPath);
      await reload(false);
      expect(server!.stderr, 'the log says so').to.contain('TLS cannot start');
      expect((await open(port)).name, 'the key of another certificate').to.equal('second');

      authority.sign('fourth', 'server');
      await reload(true);
      const fourth = await open(port);
      expect(fourth.name).to.equal('fourth');
      expect(fourth.version, 'ssl_min_version outlives it').to.equal('TLSv1.3');
      const older = open(port, { maxVersion: 'TLSv1.2' });
      expect(
        await older.then(
          () => 'taken',
          () => 'refused',
        ),
      ).to.equal('refused');
      expect(await first.client.ask('get a\r\n', END), 'the first connection').to.equal(END);
    });
  }

  it('SIGHUP takes another authority, and clients of the old authority are refused @long', async () => {
    const port = await start(`${client()}2`, '-v');
    const [ours, file] = [known(), fs.readFileSync(authority.certPath)];
    expect(await answered(port, ours)).to.equal(END);
    const other = new Authority(dir, 'other');
    fs.copyFileSync(other.certPath, authority.certPath);
    try {
      server!.child.kill('SIGHUP');
      await server!.says('were read again');
      const trusting = { ca: file, ...clientFiles(ours) };
      expect(await (await open(port, trusting)).client.ask('get a\r\n', END)).to.equal('');
      const theirs = { ca: file, ...clientFiles(other.sign('theirs')) };
      expect(await (await open(port, theirs)).client.ask('get a\r\n', END)).to.equal(END);
    } finally {
      fs.writeFileSync(authority.certPath, file);
    }
  });
});
