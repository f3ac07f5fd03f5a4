// Words and options of kv-client that name something else than they should: a message says what it is and what to give,
// before anything is sent.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { EXIT } from '../../../../src/exit-codes.js';
import { Authority, canMakeCertificates } from '../../../support/certificates.js';
import { skip } from '../../../support/programs.js';
import { runTool } from '../../../support/tool-run.js';

async function refused(args: readonly string[], code: number, text: string): Promise<void> {
  const run = await runTool('kv-client', [...args, 'get', 'k'], '');
  expect(run.stderr, args.join(' ')).to.contain(text);
  expect(run.code, args.join(' ')).to.equal(code);
}

describe('kv-client, given a wrong name', () => {
  let dir = '';
  const at = (name: string): string => join(dir, name);

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'names-'));
    await writeFile(at('text'), 'no certificate\n');
  });

  after(() => rm(dir, { recursive: true }));

  it('refuses a URL of another scheme, without the password in it', async () => {
    for (const url of ['http://al:secret@db:80/', 'TCP://db:11211']) {
      const { code, stderr } = await runTool('kv-client', [url, 'get', 'k'], '');
      expect(stderr).to.contain('names no memcached server: give host:port');
      expect(stderr).not.to.contain('secret');
      expect(code).to.equal(EXIT.usage);
    }
  });

  it('refuses a server without a host or a port', async () => {
    for (const word of ['localhost:abc', ':11211', '127.0.0.1:', 'db:1:2'])
      await refused([word], EXIT.usage, `This names no server, which is host:port: "${word}"`);
  });

  it('says that a path is no socket', async () => {
    await refused([dir], EXIT.unreachable, 'it is a directory, and a server is named by its port');
    await refused([at('text')], EXIT.unreachable, 'it is a file, and a server is named by');
  });

  it('names the file of an option that is a directory', async () => {
    const user = ['--user', 'al', '--password-file', dir];
    await refused(['1', ...user], EXIT.io, `${dir}: it is a directory (EISDIR)`);
    await refused(['1', '--cacert', dir], EXIT.io, `${dir}: it is a directory (EISDIR)`);
  });

  it('names the file that is no certificate or no key', async function () {
    if (!canMakeCertificates()) skip(this, 'openssl');
    const authority = new Authority(dir, 'ca');
    const [{ certPath, keyPath }, other] = [authority.sign('one'), authority.sign('other')];
    const text = at('text');
    const cases: readonly (readonly [readonly string[], string])[] = [
      [['--cacert', text], `${text} (--cacert) is no certificate in PEM`],
      [['--cert', text, '--key', keyPath], `${text} (--cert) is no certificate in PEM`],
      [['--cert', certPath, '--key', text], `${text} (--key) is no private key`],
      [
        ['--cert', certPath, '--key', other.keyPath],
        '(--key) is no private key of that certificate',
      ],
      [['--cert', certPath], '--cert and --key belong together'],
    ];
    for (const [options, message] of cases) await refused(['1', ...options], EXIT.usage, message);
  });

  it('says that a server does not speak TLS, also when --servername alone asks for it', async () => {
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write('ERROR\r\n'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    try {
      for (const option of [['--tls'], ['--servername', 'db']])
        await refused([String(port), ...option], EXIT.unreachable, 'does not speak TLS');
    } finally {
      server.close();
    }
  });
});
