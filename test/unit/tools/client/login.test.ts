// The login of kv-client: it sends the password only to a server that asks for it. A server without logins would store
// the password as the value of a key, where every client can read it.

import { mkdtemp, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { EXIT } from '../../../../src/exit-codes.js';
import { listenOnLoopback } from '../../../support/loopback-port.js';
import { removeFolder } from '../../../support/remove-folder.js';
import { runTool } from '../../../support/tool-run.js';

/** A server with one user, or with none: `isOpen`. */
class LoginServer {
  received = '';
  readonly #server: net.Server;

  constructor(right: string, isOpen: boolean) {
    this.#server = net.createServer((socket) => {
      let isIn = isOpen;
      let text = '';
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        const said = bytes.toString('latin1');
        this.received += said;
        text += said;
        const isLogin = text.startsWith('set auth ');
        if (!(isLogin ? /\r\n.*\r\n$/ : /\r\n$/).test(text)) return;
        const isRight = isLogin && text.endsWith(`\r\n${right}\r\n`);
        if (!isIn && isLogin && !isRight) socket.write('CLIENT_ERROR authentication failure\r\n');
        else if (!isIn && !isLogin) socket.write('CLIENT_ERROR unauthenticated\r\n');
        else socket.write(isLogin ? 'STORED\r\n' : 'VERSION 1.6.45\r\n');
        isIn ||= isRight;
        text = '';
      });
    });
  }

  async listen(): Promise<string> {
    return String(await listenOnLoopback(this.#server));
  }

  close(): void {
    this.#server.close();
  }
}

describe('kv-client --user', () => {
  let server: LoginServer | undefined;
  let dir = '';

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'login-'));
    await writeFile(join(dir, 'password'), '\ufeffpw\r\n');
  });

  afterEach(() => {
    server?.close();
    removeFolder(dir);
  });

  async function version(right: string, isOpen: boolean): ReturnType<typeof runTool> {
    server = new LoginServer(right, isOpen);
    const port = await server.listen();
    const file = join(dir, 'password');
    return runTool('kv-client', [port, '--user', 'al', '--password-file', file, 'version'], '');
  }

  it('logs in before the command, with the first line of the file', async () => {
    const { code, stdout } = await version('al pw', false);
    expect([code, stdout.toString()]).to.deep.equal([EXIT.ok, '1.6.45\n']);
  });

  it('ends with 77 when the server refuses the login', async () => {
    const { code, stderr } = await version('al other', false);
    expect(code).to.equal(EXIT.noPermission);
    expect(stderr).to.contain('refused the login: CLIENT_ERROR authentication failure');
  });

  it('sends no password to a server that wants no login', async () => {
    const { code, stdout } = await version('al pw', true);
    expect([code, stdout.toString()]).to.deep.equal([EXIT.ok, '1.6.45\n']);
    expect(server?.received).to.equal('version\r\nversion\r\n');
  });
});
