// HttpListener: its access rules, its bounds, and the health of the server that it reports.

import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { expect } from 'chai';

import { readConfig } from '../../../src/config/config.js';
import type { Clock } from '../../../src/env/env.js';
import { nodeEnv } from '../../../src/env/node-env.js';
import { isKvError } from '../../../src/errors.js';
import { HttpListener } from '../../../src/http/listener.js';
import { ListenError } from '../../../src/server/errors.js';
import { Authority, canMakeCertificates } from '../../support/certificates.js';
import { MemoryStore } from '../../support/memory-store.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { skip } from '../../support/programs.js';
import { removeFolder } from '../../support/remove-folder.js';

const TOKEN = '0123456789abcdef';

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Returns an address of this machine that is not of loopback. */
function otherAddress(): string | undefined {
  const all = Object.values(os.networkInterfaces()).flatMap((each) => each ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}

function ask(url: string, options: https.RequestOptions = {}): Promise<Answer> {
  const client = url.startsWith('https') ? https : http;
  return new Promise((resolve, reject) => {
    const request = client.request(url, { agent: false, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}

describe('HttpListener', () => {
  let dir: string;
  let tokenFile: string;
  const open: HttpListener[] = [];
  /** The timers that were set: their calls and delays. */
  const timers: { readonly delayMs: number; readonly call: () => void }[] = [];

  const deadlines = (): typeof timers => timers.filter(({ delayMs }) => delayMs === 10_000);
  const setTimer: Clock['setTimer'] = (delayMs, call) => {
    timers.push({ delayMs, call });
    return { cancel: () => undefined };
  };

  async function listen(...argv: string[]): Promise<{ listener: HttpListener; url: string }> {
    const config = readConfig(argv, {}, '0.0.0');
    if ('code' in config) throw new Error(config.stderr);
    const env = nodeEnv(new QuietLogger());
    const watched = { ...env, clock: { ...env.clock, setTimer } };
    const listener = await HttpListener.listen(watched, config);
    open.push(listener);
    return { listener, url: listener.addresses[0] ?? '' };
  }

  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-http-'));
    tokenFile = path.join(dir, 'token');
    fs.writeFileSync(tokenFile, `${TOKEN}\n`);
  });
  afterEach(() => {
    for (const listener of open.splice(0)) listener.close();
    timers.length = 0;
    removeFolder(dir);
  });

  it('is not ready over a cluster before it is opened, while it cannot be reached or while it is full', async () => {
    const { listener, url } = await listen('--http', '-1', '--store', 'etcd://a,b');
    const readyz = async (): Promise<string> => (await ask(`${url}/readyz`)).body;
    const name = 'etcd at a:2379, b:2379';
    expect(await readyz()).to.equal(`[-] opened: ${name} has not answered yet\nnot ready\n`);
    expect((await ask(`${url}/metrics`)).body).to.equal(
      `Not ready: ${name} has not answered yet\n`,
    );
    const stats = new Map([['kv_cluster_reachable', 1]]);
    const store = Object.assign(new MemoryStore(), { stats: () => stats });
    listener.serves(store, { statLines: () => [], describeConnections: () => [].values() });
    expect((await ask(`${url}/readyz?verbose`)).body).to.equal(
      '[+] opened: ok\n[+] cluster: ok\n[+] disk: ok\n[+] serving: ok\nok\n',
    );
    stats.set('kv_cluster_reachable', 0);
    expect(await ask(`${url}/readyz`)).to.deep.equal({
      status: 503,
      body: `[-] cluster: ${name} cannot be reached\nnot ready\n`,
    });
    stats.set('kv_cluster_reachable', 1).set('kv_disk_full', 1);
    expect(await readyz()).to.include('[-] disk: the cluster has no room left');
  });

  it('is alive at once, ready when it serves, and not ready when it drains or the log is poisoned', async () => {
    const { listener, url } = await listen('--http', '-1');
    expect(await ask(`${url}/livez`)).to.deep.equal({ status: 200, body: 'ok\n' });
    const early = await ask(`${url}/readyz`);
    expect(early).to.deep.equal({
      status: 503,
      body: '[-] replayed: the log is being read\nnot ready\n',
    });
    const store = new MemoryStore();
    listener.serves(store, { statLines: () => [], describeConnections: () => [].values() });
    for (const name of ['readyz', 'healthz']) {
      expect(await ask(`${url}/${name}`)).to.deep.equal({ status: 200, body: 'ok\n' });
    }
    expect((await ask(`${url}/readyz?verbose`)).body).to.equal(
      '[+] replayed: ok\n[+] writable: ok\n[+] disk: ok\n[+] serving: ok\nok\n',
    );
    listener.drain();
    expect((await ask(`${url}/healthz`)).body).to.contain('[-] serving');
    store.commits.failAll('poisoned');
    const poisoned = await ask(`${url}/readyz`);
    expect(poisoned.status).to.equal(503);
    expect(poisoned.body).to.contain('[-] writable');
    expect((await ask(`${url}/livez`)).status).to.equal(200);
  });

  it('refuses a request whose Host is no name of this server, unless it has the token', async () => {
    const { url } = await listen('--http', '-1', '--http-token-file', tokenFile);
    const { port } = new URL(url);
    const statusOf = async (headers: Record<string, string>): Promise<number> =>
      (await ask(`${url}/livez`, { headers })).status;
    for (const host of [`localhost:${port}`, '127.0.0.1', '[::1]:80', 'LOCALHOST']) {
      expect(await statusOf({ host }), host).to.equal(200);
    }
    for (const host of ['evil.example', '127.evil.example', '10.0.0.1', 'localhost.evil', '[::1']) {
      expect(await statusOf({ host }), host).to.equal(421);
    }
    const host = 'evil.example';
    expect(await statusOf({ host, authorization: `Bearer ${TOKEN}` })).to.equal(200);
    expect(await statusOf({ host, authorization: `Bearer ${TOKEN}x` })).to.equal(421);
  });

  it('wants the token from another address, and reload() reads the token again', async function () {
    const host = otherAddress();
    if (host === undefined) skip(this, 'an address that is not of loopback');
    const { listener, url } = await listen('--http', `${host}:-1`, '--http-token-file', tokenFile);
    const statusOf = async (token: string): Promise<number> =>
      (await ask(`${url}/livez`, { headers: { authorization: token } })).status;
    for (const token of ['', 'Bearer', `Basic ${TOKEN}`, 'Bearer wrong-wrong-wrong']) {
      expect(await statusOf(token), token).to.equal(401);
    }
    expect(await statusOf(`Bearer ${TOKEN}`)).to.equal(200);
    fs.writeFileSync(tokenFile, 'another-token-of-ours');
    listener.reload();
    expect(await statusOf(`Bearer ${TOKEN}`)).to.equal(401);
    expect(await statusOf('Bearer another-token-of-ours')).to.equal(200);
    fs.writeFileSync(tokenFile, '');
    listener.reload();
    expect(await statusOf('Bearer another-token-of-ours')).to.equal(200);
  });

  it('speaks TLS with -Z where other machines reach it, and plain HTTP on loopback', async function () {
    const host = otherAddress();
    if (host === undefined || !canMakeCertificates()) {
      skip(this, 'openssl and an address that is not of loopback');
    }
    const authority = new Authority(dir, 'us');
    const { certPath, keyPath } = authority.sign('server');
    const tls = ['-Z', '-o', `ssl_chain_cert=${certPath},ssl_key=${keyPath}`];
    const away = await listen('--http', `${host}:-1`, '--http-token-file', tokenFile, ...tls);
    expect(away.url).to.match(/^https:/);
    const options = {
      ca: fs.readFileSync(authority.certPath),
      servername: 'server',
      checkServerIdentity: () => undefined,
      headers: { authorization: `Bearer ${TOKEN}` },
    };
    expect((await ask(`${away.url}/livez`, options)).body).to.equal('ok\n');
    const near = await listen('--http', '-1', ...tls);
    expect((await ask(`${near.url}/livez`)).body).to.equal('ok\n');
  });

  it('refuses bodies, other methods, unknown paths and long headers', async () => {
    const { url } = await listen('--http', '-1');
    const statusOf = async (target: string, options: http.RequestOptions): Promise<number> =>
      (await ask(url + target, options)).status;
    expect(await statusOf('/livez', { headers: { 'content-length': '0' } })).to.equal(413);
    expect(await statusOf('/livez', { method: 'DELETE' })).to.equal(405);
    expect(await statusOf('/livez', { method: 'HEAD' })).to.equal(200);
    expect(await statusOf('/nothing', {})).to.equal(404);
    expect(await statusOf('/livez', { headers: { long: 'x'.repeat(9000) } })).to.equal(431);
  });

  it('drops the oldest of too many connections, and a client that pipelines many requests', async () => {
    const { url } = await listen('--http', '-1');
    const port = Number(new URL(url).port);
    const sockets: net.Socket[] = [];
    for (let n = 0; n < 13; n++) {
      const socket = net.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      sockets.push(socket);
    }
    await once(sockets[0]!.resume(), 'close');
    expect((await ask(`${url}/livez`)).status).to.equal(200);
    const last = sockets.at(-1)!;
    let text = '';
    last.on('data', (bytes) => (text += bytes.toString()));
    last.on('error', () => undefined);
    last.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1000));
    await once(last, 'close');
    expect(text.split('HTTP/1.1 200').length).to.be.below(3);
    for (const socket of sockets) socket.destroy();
  });

  it('sets a deadline for each connection, and a new one after each answer', async () => {
    const { url } = await listen('--http', '-1');
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /sl');
    await once(socket, 'data');
    socket.resume();
    while (deadlines().length < 2) await new Promise(setImmediate);
    deadlines()[1]?.call();
    await once(socket, 'close');
  });

  it('refuses a token that is easy to guess, and an address in use', async () => {
    const failureOf = async (...argv: string[]): Promise<unknown> =>
      listen(...argv).then(
        () => undefined,
        (error: unknown) => error,
      );
    for (const token of ['', 'short', 'two words that are long']) {
      fs.writeFileSync(tokenFile, token);
      const error = await failureOf('--http', '-1', '--http-token-file', tokenFile);
      expect(isKvError(error, 'KV_BAD_OPTION'), token).to.equal(true);
    }
    const { url } = await listen('--http', '-1');
    const error = await failureOf('--http', new URL(url).port);
    expect(error).to.be.instanceOf(ListenError);
    expect(String(error)).to.contain('in use');
  });
});
