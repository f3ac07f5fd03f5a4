// A tool that root ran on a service user's store once left files of root with mode 0600 there: the user's own server then
// could not start.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { requireProgram, skip } from '../support/programs.js';
import { ServerCommand } from '../support/server-command.js';
import { TestClient } from '../support/test-server.js';
import { runTool } from '../support/tool-run.js';
import { removeFolder } from '../support/remove-folder.js';

const NOBODY = 65_534;

function expectOwned(dir: string, fileMode: number): void {
  // A file that a server is just making gets its owner a moment later.
  for (const name of readdirSync(dir).filter((each) => !each.endsWith('.tmp'))) {
    const { uid, gid, mode } = lstatSync(join(dir, name));
    expect([uid, gid, (mode & 0o777).toString(8)], name).to.deep.equal([
      NOBODY,
      NOBODY,
      fileMode.toString(8),
    ]);
  }
}

function asNobody(
  tool: string,
  args: readonly string[],
): { status: number | null; stderr: string } {
  const program = fileURLToPath(new URL(`../../tools/${tool}.js`, import.meta.url));
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const run = spawnSync('setpriv', [...user, process.execPath, program, ...args], {
    encoding: 'utf8',
  });
  return { status: run.status, stderr: run.stderr };
}

async function kill(server: ServerCommand): Promise<void> {
  server.child.kill('SIGKILL');
  await server.ended;
}

async function stop(server: ServerCommand): Promise<void> {
  server.child.kill('SIGTERM');
  expect((await server.ended).code).to.equal(EXIT.ok);
}

describe('A store of a service user @long', () => {
  let root = '';
  const started: ServerCommand[] = [];
  before(function () {
    if (process.getuid?.() !== 0) skip(this, 'root');
    requireProgram(this, 'setpriv', 'util-linux');
  });
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cairn-service-'));
    chmodSync(root, 0o755);
  });
  afterEach(async () => {
    for (const { child } of started) child.kill('SIGKILL');
    await Promise.all(started.splice(0).map(({ ended }) => ended));
    removeFolder(root);
  });

  function serve(dir: string, ...argv: string[]): ServerCommand {
    const server = new ServerCommand(['-p', '-1', '--data', dir, ...argv]);
    started.push(server);
    return server;
  }

  for (const [dirMode, fileMode] of [
    [0o700, 0o600],
    [0o750, 0o640],
    [0o770, 0o660],
    [0o755, 0o600],
  ] as const) {
    it(`${dirMode.toString(8)}: files that root's server and tools leave have the directory's owner, and mode ${fileMode.toString(8)}`, async () => {
      const dir = join(root, 'data');
      mkdirSync(dir);
      chmodSync(dir, dirMode);
      chownSync(dir, NOBODY, NOBODY);
      const server = serve(dir, '--segment-size', '1m', '-I', '8m');
      const client = await TestClient.open(await server.port());
      for (const bytes of [2 * 1024 * 1024, ...Array<number>(15).fill(100_000)]) {
        client.send(`set k${bytes} 0 0 ${bytes}\r\n${'v'.repeat(bytes)}\r\n`);
        expect(await client.take(8)).to.equal('STORED\r\n');
      }
      client.socket.destroy();
      expect(readdirSync(dir)).to.include('control.sock');
      expectOwned(dir, fileMode);
      await stop(server);
      expect((await runTool('kv-compact', [dir])).code).to.equal(EXIT.ok);
      const names = readdirSync(dir);
      expect(names).to.include('IMAGE').and.include('LOCK');
      expect(names.some((name) => name.endsWith('.hint'))).to.equal(true);
      expectOwned(dir, fileMode);
    });
  }

  it("root's unix socket and pid file belong to the directory's owner, whose server starts after kill -9", async () => {
    const dir = join(root, 'data');
    mkdirSync(dir);
    chownSync(dir, NOBODY, NOBODY);
    const [socket, pidFile] = [join(dir, 'sock'), join(dir, 'pid')];
    const argv = ['--data', dir, '-s', socket, '-P', pidFile];
    const run = async (...more: string[]): Promise<ServerCommand> => {
      const server = new ServerCommand([...argv, ...more]);
      started.push(server);
      await server.says(', ready in');
      return server;
    };
    await kill(await run());
    for (const path of [socket, pidFile])
      expect([lstatSync(path).uid, lstatSync(path).gid], path).to.deep.equal([NOBODY, NOBODY]);
    expect(lstatSync(socket).mode & 0o777).to.equal(0o700);
    const own = await run('-u', 'nobody');
    expect(own.stderr).to.contain(', ready in');
    await kill(own);
    chownSync(socket, 0, 0);
    const { code, stderr } = await (await run('-u', 'nobody')).ended;
    expect(code, stderr).to.equal(EXIT.noPermission);
    expect(stderr).to.contain(`(${socket})`).and.not.contain('another server');
  });

  it("starts as that user after root's kv-load, also where root made the directory", async () => {
    const home = join(root, 'home');
    mkdirSync(home);
    chownSync(home, NOBODY, NOBODY);
    const dir = join(home, 'new/data');
    const dump = '{"key":"k","value":"v","encoding":"utf8","flags":0,"expiresAt":0,"cas":"1"}\n';
    expect((await runTool('kv-load', [dir, '-', '--create', '--partial'], dump)).code).to.equal(
      EXIT.ok,
    );
    expectOwned(dir, 0o600);
    const made = lstatSync(dir);
    expect([made.uid, made.mode & 0o777]).to.deep.equal([NOBODY, 0o700]);
    // This LOCK is one that an earlier release left to root.
    chownSync(join(dir, 'LOCK'), 0, 0);
    expect((await runTool('kv-compact', [dir])).code).to.equal(EXIT.ok);
    const { stderr } = asNobody('kv-compact', [dir]);
    expect(stderr).to.equal('');
    const repaired = join(home, 'repaired');
    const repair = ['--repair', '--to', repaired];
    expect((await runTool('kv-check', [dir, ...repair])).code).to.equal(EXIT.ok);
    expectOwned(repaired, 0o600);
    expect(asNobody('kv-compact', [repaired]).status).to.equal(EXIT.ok);
  });

  it('keeps the owner and the mode of an output file that exists already', async () => {
    const dir = join(root, 'data');
    expect(
      (
        await runTool(
          'kv-load',
          [dir, '-', '--create'],
          '{"count":0,"checksum":"crc32:00000000"}\n',
        )
      ).code,
    ).to.equal(EXIT.ok);
    const out = join(root, 'backup.json');
    writeFileSync(out, 'old');
    chownSync(out, NOBODY, NOBODY);
    chmodSync(out, 0o664);
    expect((await runTool('kv-dump', [dir, '--out', out])).code).to.equal(EXIT.ok);
    const { uid, gid, mode } = lstatSync(out);
    expect([uid, gid, mode & 0o777]).to.deep.equal([NOBODY, NOBODY, 0o664]);
  });
}).timeout(60_000);
