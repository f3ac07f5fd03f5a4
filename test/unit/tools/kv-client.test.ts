// End to end: the compiled kv-client as a process, against a small server inside the test and, where it is
// installed, against memcached itself.

import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'fs-extra';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { listenOnLoopback } from '../../support/loopback-port.js';
import { findProgram, requireProgram, skip } from '../../support/programs.js';
import { runTool, type ToolRun } from '../../support/tool-run.js';

function run(args: readonly string[], input: Buffer | string = ''): Promise<ToolRun> {
  return runTool('kv-client', args, input);
}

/** A server that answers each request it knows, and notes these requests. */
class Script {
  readonly received: string[] = [];
  readonly #server: net.Server;
  readonly #replies: ReadonlyMap<string, string>;

  constructor(replies: Readonly<Record<string, string>>) {
    this.#replies = new Map(Object.entries(replies));
    this.#server = net.createServer((socket) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        for (const [request, reply] of this.#replies) {
          if (!text.startsWith(request)) continue;
          text = text.slice(request.length);
          this.received.push(request);
          socket.write(reply);
        }
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

describe('kv-client (against a scripted server) @long', () => {
  let script: Script | undefined;
  const serve = (replies: Readonly<Record<string, string>>): Promise<string> => {
    script = new Script(replies);
    return script.listen();
  };
  afterEach(() => script?.close());

  it('speaks the plain dialect at the prompt, from a pipe', async () => {
    const port = await serve({
      'set test 9\r\ngaduValue\r\n': 'STORED\r\n',
      'set two 3\r\na\nb\r\n': 'STORED\r\n',
      'get test\r\n': 'VALUE test 9\r\ngaduValue\r\nEND\r\n',
      'get none\r\n': 'Not-Exists\r\n',
      'quit\r\n': '',
    });
    const lines =
      'set test 9\ngaduValue\nset test gaduValue\nset two 3\na\nb\nget test\nget none\nquit\n';
    const { code, stdout } = await run([port, 'tcp'], lines);
    expect(stdout.toString()).to.equal(
      'STORED\r\nSTORED\r\nSTORED\r\nVALUE test 9\r\ngaduValue\r\nEND\r\nNot-Exists\r\n',
    );
    expect(code).to.equal(0);
  });

  it('keys prints one line per key, whatever is in it, and get into a pipe prints the bytes as they are', async () => {
    const port = await serve({
      'lru_crawler metadump all\r\n':
        'OK\r\nkey=a%0Ab%1B%5B2J exp=-1\nkey=gr%C3%B6%C3%9Fe exp=-1\nkey=%FF%5C exp=-1\nEND\r\n',
      'get a\r\n': 'VALUE a 0 4\r\n\x1b\n\r\x07\r\nEND\r\n',
    });
    const { stdout } = await run([port, 'keys']);
    expect(stdout.toString()).to.equal('a\\x0ab\\x1b[2J\ngröße\n\\xff\\\\\n');
    expect((await run([port, 'get', 'a'])).stdout.toString('latin1')).to.equal('\x1b\n\r\x07');
  });

  it('sends nothing when the value does not have the announced length', async () => {
    const port = await serve({ 'get a\r\n': 'END\r\n' });
    const { stdout, stderr } = await run([port, 'tcp'], 'set a 2\nabc\nget a\n');
    expect(stderr).to.contain('3 bytes, and 2 were announced');
    expect(stdout.toString()).to.equal('Not-Exists\r\n');
  });

  it('ends with 74 for SERVER_ERROR, and with 69 when no server answers @long', async () => {
    const port = await serve({ 'delete a\r\n': 'SERVER_ERROR out of space\r\n' });
    expect((await run([port, 'delete', 'a'])).code).to.equal(74);
    script?.close();
    expect((await run(['127.0.0.1:1', 'get', 'a'])).code).to.equal(69);
    const silent = await serve({});
    const { code, stderr } = await run(['--timeout', '0.2', silent, 'get', 'a']);
    expect(code).to.equal(69);
    expect(stderr).to.contain('No answer within 0.2 s');
  });

  it('ends with 64 and one hint for wrong use @long', async () => {
    const wrong: readonly (readonly string[])[] = [
      ['gte', 'a'],
      ['--bogus'],
      ['get'],
      ['set', 'a b', 'c'],
      ['set', 'a', 'b', '--flags', 'x'],
    ];
    for (const args of wrong) {
      const { code, stdout, stderr } = await run(args);
      expect(code, args.join(' ')).to.equal(64);
      expect(stderr, args.join(' ')).to.match(/^kv-client: /);
      expect(stdout.length).to.equal(0);
    }
  });

  it('prints Not-Exists for a miss in tcp mode, whichever port answers', async () => {
    const port = await serve({ 'get none\r\n': 'END\r\n', 'get a b\r\n': 'END\r\n' });
    const { stdout } = await run([port, 'tcp'], 'get none\n');
    expect(stdout.toString()).to.equal('Not-Exists\r\n');
    const { code, stderr } = await run([port, 'tcp', 'get', 'none']);
    expect([code, stderr]).to.deep.equal([1, 'Not-Exists\n']);
    expect((await run([port], 'get none\n')).stdout.toString()).to.equal('END\r\n');
  });

  it('announces a value by its length in both modes', async () => {
    for (const [mode, head] of [
      ['tcp', 'set test 9\r\n'],
      ['memcached', 'set test 0 0 9\r\n'],
    ] as const) {
      const port = await serve({ [`${head}gaduValue\r\n`]: 'STORED\r\n' });
      const { code, stdout } = await run([port, mode], 'set test 9\ngaduValue\n');
      expect([code, stdout.toString()], mode).to.deep.equal([0, 'STORED\r\n']);
      script?.close();
    }
  });

  it('takes its commands at the prompt too, in any letter case, and suggests what was meant @long', async () => {
    const port = await serve({
      'lru_crawler metadump all\r\n': 'OK\r\nkey=a1 exp=-1\nkey=a2 exp=-1\nkey=b exp=-1\nEND\r\n',
      'mg a1 t\r\n': 'HD t30\r\n',
      'get b\r\n': 'VALUE b 0 1\r\nx\r\nEND\r\n',
      'delete_prefix a\r\n': 'DELETED\r\n',
      'gte b\r\n': 'ERROR\r\n',
      'delete a1\r\n': 'DELETED\r\n',
      'delete c\r\n': 'NOT_FOUND\r\n',
    });
    const { stdout, stderr } = await run(
      [port],
      'KEYS a*\nttl a1\nGet b\ndelete_prefix a\ngte b\n',
    );
    expect(stdout.toString()).to.equal('a1\na2\n30\nVALUE b 0 1\r\nx\r\nEND\r\nDELETED\nERROR\r\n');
    expect(stderr).to.contain('2 keys deleted').and.contain('Did you mean get?');
    const one = await run([port, 'DELETE_PREFIX', 'a']);
    expect([one.code, one.stdout.toString(), one.stderr]).to.deep.equal([
      0,
      'DELETED\n',
      '2 keys deleted\n',
    ]);
    expect((await run([port, 'delete', 'a1', 'c'])).stderr).to.contain('1 key deleted');
    const several = await run([port], 'Delete a1 c\n');
    expect(several.stdout.toString()).to.equal('DELETED\n');
    expect(several.stderr).to.contain('NOT_FOUND').and.contain('1 key deleted');
    expect((await run([port, 'gte', 'b'])).stderr).to.contain('Did you mean get?');
  });

  it('raw ends with 0 after a listing that ends in EN, and with 1 after a miss', async () => {
    const port = await serve({
      'lru_crawler mgdump all\r\n': 'mg a\r\nEN\r\n',
      'mg a v\r\n': 'EN\r\n',
    });
    expect((await run([port, 'raw', 'lru_crawler mgdump all'])).code).to.equal(0);
    expect((await run([port, 'raw', 'mg a v'])).code).to.equal(1);
  });

  it('watch goes on until the server ends it, as a command, with raw and at the prompt', async () => {
    const client = join(import.meta.dirname, '../../../tools/kv-client.js');
    for (const [args, input] of [
      [['watch', 'mutations'], ''],
      [['raw', 'watch mutations'], ''],
      [[], 'watch mutations\n'],
    ] as const) {
      const watched = net.createServer((socket) => {
        socket.once('data', () => socket.write('OK\r\nts=1 gid=1 type=item_get key=a\n'));
      });
      watched.listen(0, '127.0.0.1');
      const accepted = once(watched, 'connection') as Promise<[net.Socket]>;
      await once(watched, 'listening');
      const port = String((watched.address() as net.AddressInfo).port);
      const child = spawn(process.execPath, [client, port, ...args], { stdio: 'pipe' });
      child.stdin.end(input);
      const [socket] = await accepted;
      let said = '';
      while (!said.includes('gid=1')) said += String((await once(child.stdout, 'data'))[0]);
      child.stdout.on('data', (chunk) => (said += String(chunk)));
      // The client has printed the first event, and must still run.
      socket.end('ts=2 gid=2 type=item_store key=a\n');
      await once(child, 'close');
      expect(said, args.join(' ')).to.contain('ts=2 gid=2 type=item_store key=a\n');
      watched.close();
    }
  });

  it('stats --every repeats until it is ended, and a wrong interval is refused @long', async () => {
    const port = await serve({ 'stats\r\n': 'STAT pid 7\r\nEND\r\n' });
    const client = join(import.meta.dirname, '../../../tools/kv-client.js');
    const args = [client, port, 'stats', '--json', '--every', '10ms'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    while (said.split('\n').length < 4) said += String((await once(child.stdout, 'data'))[0]);
    child.kill();
    await once(child, 'exit');
    expect(said).to.match(/^(?:\{"pid":"7"\}\n){3}/);
    for (const every of ['x', '0', '-1s', '1h'])
      expect((await run([port, 'stats', '--every', every])).code, every).to.equal(64);
  });

  it('prompts on a terminal, shows control characters as text and keeps the history', async function () {
    const program = requireProgram(this, 'script', 'bsdutils');
    const port = await serve({
      'get a\r\n': 'VALUE a 0 3\r\n\x1b[m\r\nEND\r\n',
      'set b 3\r\nxyz\r\n': 'STORED\r\n',
      'quit\r\n': '',
    });
    const history = join(await fs.mkdtemp(join(tmpdir(), 'client-')), 'history');
    const client = join(import.meta.dirname, '../../../tools/kv-client.js');
    const command = `"${process.execPath}" "${client}" ${port} tcp`;
    const env = { ...process.env, CAIRN_HISTORY: history, TERM: 'xterm', NO_COLOR: '1' };
    const child = spawn(program, ['-qec', command, '/dev/null'], { env });
    let screen = '';
    child.stdout.on('data', (chunk) => (screen += String(chunk)));
    child.stdin.write('get a\rset b 3\rxyz\rhelp touch\rquit\r');
    const [code] = (await once(child, 'close')) as [number];
    expect(screen).to.contain(`127.0.0.1:${port}> `).and.contain('3 bytes> ');
    expect(screen).to.contain('\\x1b[m').and.contain('set a new expiry');
    expect(await fs.readFile(history, 'utf8')).to.equal('get a\nset b 3\nhelp touch\nquit\n');
    expect(code).to.equal(0);
    await fs.remove(dirname(history));
  });

  it('passwd prints a line for an auth file @long', async () => {
    const { code, stdout } = await run(['passwd', 'alice'], 'secret\n');
    expect(stdout.toString()).to.match(/^alice:\$scrypt\$ln=15,r=8,p=1\$[\w+/]+\$[\w+/]+\n$/);
    expect(code).to.equal(0);
    expect((await run(['passwd', 'a:b'], 'x\n')).code).to.equal(64);
    const shown = await run(['passwd', 'alice', 'secret'], 'secret\n');
    expect(shown.code, 'a password on the command line is in ps').to.equal(64);
  });
}).timeout(60_000);

/** Checks whether a process listens at the socket; the file is there a moment before that. */
async function accepts(path: string): Promise<boolean> {
  const socket = net.connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    // The connection was refused, or there is no such file.
    return false;
  } finally {
    socket.destroy();
  }
}

describe('kv-client (against memcached) @long', () => {
  let memcached: ChildProcess | undefined;
  let dir = '';
  let socket = '';

  before(async function () {
    if (findProgram('memcached') === undefined) skip(this, 'memcached');
    dir = await fs.mkdtemp(join(tmpdir(), 'client-'));
    socket = join(dir, 'memcached.sock');
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    memcached = spawn('memcached', ['-s', socket, ...user], { stdio: 'ignore' });
    while (!(await accepts(socket))) {
      expect(memcached.exitCode, 'memcached has ended').to.equal(null);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
  after(async () => {
    if (memcached === undefined) return;
    memcached.kill();
    await once(memcached, 'exit');
    await fs.remove(dir);
  });

  it('get prints the value alone, byte for byte, and ends with 1 for a miss', async () => {
    const value = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect((await run([socket, 'set', 'k', '-', '--flags', '5'], value)).code).to.equal(0);
    expect((await run([socket, 'get', 'k'])).stdout.equals(value)).to.equal(true);
    const json = (await run([socket, 'get', '--json', 'k'])).stdout.toString();
    expect(JSON.parse(json)).to.include({ key: 'k', flags: 5, encoding: 'base64', ttl: -1 });
    const miss = await run([socket, 'get', 'none']);
    expect([miss.code, miss.stdout.length]).to.deep.equal([1, 0]);
    expect((await run([socket, 'get', 'k', 'none'])).code).to.equal(1);
  });

  it('runs each command, and its exit code says how it went', async () => {
    const steps: readonly (readonly [string, number, string])[] = [
      ['set n 41', 0, 'STORED\n'],
      ['add n 1', 1, ''],
      ['incr n', 0, '42\n'],
      ['decr n 2', 0, '40\n'],
      ['append n 0', 0, 'STORED\n'],
      ['get n', 0, '400'],
      ['cas n 5 1', 1, ''],
      ['touch n 100', 0, 'TOUCHED\n'],
      ['get --touch 200 n', 0, '400'],
      ['keys', 0, 'k\nn\n'],
      ['keys n', 0, 'n\n'],
      ['keys [m-o]', 0, 'n\n'],
      ['keys x*', 0, ''],
      ['ttl k', 0, '-1\n'],
      ['ttl none', 1, ''],
      ['GET n', 0, '400'],
      ['raw mg n v', 0, 'VA 3\r\n400\r\n'],
      ['raw ms n 1 --value x', 0, 'HD\r\n'],
      ['delete n', 0, 'DELETED\n'],
      ['delete n', 1, ''],
      ['incr n', 1, ''],
      ['set n 1 --exptime -1', 0, 'STORED\n'],
      ['get n', 1, ''],
      ['incr k x', 64, ''],
      ['flush_all', 0, 'OK\n'],
      ['stats foo', 64, ''],
    ];
    for (const [line, code, stdout] of steps) {
      const done = await run([socket, ...line.split(' ')]);
      const found = line === 'keys' ? done.stdout.toString().split('\n').sort() : '';
      if (line === 'keys') expect(found).to.deep.equal(['', 'k', 'n']);
      else expect(done.stdout.toString(), line).to.equal(stdout);
      expect(done.code, line).to.equal(code);
    }
  });

  it("takes memcached's forms at the prompt, from a pipe", async () => {
    const lines =
      'set k 0 0 5\na b\nc\nget k\nset s value\nms m 2 q\nhi\nmg m v q\nmg none v q\ndelete k noreply\nget k s\n';
    const { code, stdout } = await run([socket, 'memcached'], lines);
    expect(stdout.toString()).to.equal(
      'STORED\r\nVALUE k 0 5\r\na b\nc\r\nEND\r\nSTORED\r\nVA 2\r\nhi\r\nVALUE s 0 5\r\nvalue\r\nEND\r\n',
    );
    expect(code).to.equal(0);
  });

  it('stats prints the raw reply into a pipe, and an object with --json', async () => {
    expect((await run([socket, 'stats'])).stdout.toString()).to.match(
      /^STAT pid \d+\r\n[^]*END\r\n$/,
    );
    const json = (await run([socket, 'stats', '--json'])).stdout.toString();
    expect(JSON.parse(json)).to.have.property('curr_items');
  });
}).timeout(60_000);
