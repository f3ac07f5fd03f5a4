// End to end: kv-client follow and history as processes, over a real server with --http.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';

import { expect } from 'chai';

import { EXIT } from '../../../src/exit-codes.js';
import { ServerProcess } from '../../../tools/torture/server-process.js';
import { freePort } from '../../support/free-port.js';
import { cairnLaunch, temporaryFolder } from '../../support/servers.js';
import { runTool } from '../../support/tool-run.js';
import { removeFolder } from '../../support/remove-folder.js';

const LINES = [
  '{"type":"heartbeat","seq":5}',
  '{"type":"heartbeat","seq":9}',
  '{"type":"end","seq":9}',
  '',
];

/** kv-client as a process; a test can wait for its lines. */
class Running {
  readonly lines: string[] = [];
  stderr = '';
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #onLine = (): void => {};

  constructor(args: readonly string[]) {
    const program = join(import.meta.dirname, '../../../tools/kv-client.js');
    this.#child = spawn(process.execPath, [program, ...args]);
    this.#exited = once(this.#child, 'close');
    let rest = '';
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      this.lines.push(...lines);
      this.#onLine();
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#onLine();
    });
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => (this.#onLine = resolve));
  }

  async end(): Promise<unknown> {
    this.#child.kill('SIGINT');
    return this.#exited;
  }
}

describe('kv-client follow and history @long', function () {
  this.timeout(60_000);
  let dir: string;
  let httpPort: number;
  let server: ServerProcess;
  let following: Running | undefined;

  beforeEach(async () => {
    dir = temporaryFolder();
    httpPort = await freePort();
  });
  afterEach(async () => {
    await following?.end();
    following = undefined;
    await server.kill();
    removeFolder(dir);
  });

  const start = async (...args: string[]): Promise<void> => {
    const place = args.includes('--http') ? [] : ['--http', String(httpPort)];
    server = await ServerProcess.start(cairnLaunch(dir, [...place, ...args]));
  };
  const run = (...args: string[]): ReturnType<typeof runTool> =>
    runTool('kv-client', [String(server.port), ...args]);
  const text = async (...args: string[]): Promise<string[]> =>
    (await run(...args)).stdout.toString().split('\n').slice(0, -1);

  it('follow finds the feed, and gives every change once and in order through kills', async () => {
    await start();
    following = new Running([String(server.port), 'follow', '--after', '0', '--values', '--json']);
    for (let life = 0; life < 3; life += 1) {
      await run('set', `k${life}`, `v${life}`);
      await run('delete', `k${life}`);
      const count = 2 * (life + 1);
      await following.until(() => following!.lines.length >= count);
      await server.kill();
      await following.until(() => following!.stderr.split('trying again').length > life + 1);
      await server.restart();
    }
    await run('set', 'last', 'x');
    await following.until(() => following!.lines.length >= 7);
    const found = following.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(found.map(({ seq }) => seq)).to.deep.equal([1, 2, 3, 4, 5, 6, 7]);
    expect(found[2]).to.include({ type: 'put', key: 'k1', value: 'v1', encoding: 'utf8' });
    expect(following.stderr).to.contain('connected again, going on after seq 6');
    expect(await following.end()).to.deep.equal([null, 'SIGINT']);
  });

  it('follow ends with 66 when changes are gone, and says what to do', async () => {
    await start();
    for (let at = 0; at < 5; at += 1) await run('set', 'k', String(at));
    await runTool('kv-compact', [dir]);
    const { code, stderr } = await run('follow', '--after', '2');
    expect(code).to.equal(EXIT.noInput);
    expect(stderr).to.match(
      /changes after seq 2; all of them are kept after seq 5: start again from a dump/,
    );
  });

  it('follow prints one readable line per change, whatever is in keys and values', async () => {
    await start();
    await run('set', 'a', 'x\u001b[2J\n', '--flags', '7', '--exptime', '100');
    await run('set', 'other', 'y');
    await run('touch', 'a', '0');
    await run('delete_prefix', 'a');
    await run('flush_all');
    following = new Running([
      String(server.port),
      'follow',
      '--after',
      '0',
      '--values',
      '--prefix',
      'a',
    ]);
    await following.until(() => following!.lines.length >= 4);
    const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;
    expect(following.lines.map((line) => line.replaceAll(time, 'T'))).to.deep.equal([
      '1  T  put  a  6 B  flags 7  expires T  "x\\x1b[2J\\x0a"',
      '3  T  touch  a  never expires',
      '4  T  delete_prefix  a',
      '5  T  flush',
    ]);
  });

  it('history shows the kept changes of a key, oldest first, and cuts values unless asked not to', async () => {
    await start('--keep-history', '1h');
    const long = 'long '.repeat(30);
    for (const value of ['one', 'two', long]) await run('set', 'k', value);
    await run('set', 'other', 'x');
    await runTool('kv-compact', [dir]);
    await run('delete', 'k');
    const shown = (await text('history', 'k')).map((line) => line.split('  ').toSpliced(1, 1));
    expect(shown).to.deep.equal([
      ['1', 'put', '3 B', '"one"'],
      ['2', 'put', '3 B', '"two"'],
      ['3', 'put', '150 B', `"${long.slice(0, 60)}…`],
      ['5', 'delete'],
    ]);
    expect((await text('history', 'k', '--whole'))[2]).to.contain(`"${long}"`);
    const lines = (await text('history', 'k', '--json')).map((line) => JSON.parse(line) as object);
    expect(lines[2]).to.include({ type: 'put', seq: 3, value: long });
    expect((await run('history', 'never')).code).to.equal(EXIT.notFound);
  });

  it('history says when changes are no longer kept', async () => {
    await start();
    for (const value of ['one', 'two']) await run('set', 'k', value);
    await runTool('kv-compact', [dir]);
    const { code, stdout, stderr } = await run('history', 'k');
    expect([code, stdout.toString()]).to.deep.equal([0, '']);
    expect(stderr).to.contain('changes up to seq 2 are not kept (--keep-history)');
    expect(stderr).to.contain('the value of seq 2 is older than that');
    expect((await run('history', 'never')).code).to.equal(EXIT.notFound);
  });

  it('says why there is no feed: the server has no --http, it cannot be reached, or the use is wrong', async () => {
    await start('--http', '-1');
    const wrong = await run('follow', '--http', 'not a place');
    expect([wrong.code, wrong.stderr]).to.deep.equal([
      EXIT.usage,
      'kv-client: --http is a port, host:port or a URL: not a place\n',
    ]);
    const nowhere = await run('follow', '--http', String(httpPort));
    expect(nowhere.code).to.equal(EXIT.unreachable);
    expect(nowhere.stderr).to.contain(`No feed at http://127.0.0.1:${httpPort}`);
    const late = await run('follow', '--after', '99');
    expect([late.code, late.stderr]).to.deep.equal([
      EXIT.usage,
      'kv-client: The newest change has seq 0: seq 99 is not of this store\n',
    ]);
    await server.kill();
    server = await ServerProcess.start(cairnLaunch(dir));
    const none = await run('history', 'k');
    expect(none.code).to.equal(EXIT.unreachable);
    expect(none.stderr).to.contain('was started without --http');
  });

  it('says that the server wants a login, also when the token opens the feed', async () => {
    const [users, token] = [join(dir, 'users'), join(dir, 'token')];
    writeFileSync(users, 'u:p\n');
    writeFileSync(token, '0123456789abcdef\n');
    await start('-Y', users, '--http-token-file', token);
    const place = ['--http', String(httpPort), '--http-token-file', token];
    for (const words of [['follow'], ['history', 'k'], ['history', 'k', ...place]]) {
      const { code, stderr } = await run(...words);
      expect([code, stderr], words.join(' ')).to.deep.equal([
        EXIT.noPermission,
        'kv-client: The server wants a login: give --user and --password-file\n',
      ]);
    }
  });

  it('sends the token of --http-token-file', async () => {
    await start();
    const token = join(dir, 'token');
    writeFileSync(token, '0123456789abcdef\n');
    let shown: string | undefined;
    const gate = http.createServer((request, response) => {
      shown = request.headers.authorization;
      response.writeHead(shown === undefined ? 401 : 200).end(LINES.join('\n'));
    });
    gate.listen(0, '127.0.0.1');
    await once(gate, 'listening');
    const place = ['--http', `127.0.0.1:${(gate.address() as net.AddressInfo).port}`];
    expect((await run('history', 'k', ...place)).code).to.equal(EXIT.noPermission);
    const { stderr } = await run('history', 'k', ...place, '--http-token-file', token);
    expect(shown).to.equal('Bearer 0123456789abcdef');
    expect(stderr).to.equal('kv-client: changes up to seq 5 are not kept (--keep-history)\n');
    gate.close();
  });
});
