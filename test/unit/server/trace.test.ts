// The trace of clients with -v and -vv: connections, and each request and reply line with escaped keys and no value.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { expect } from 'chai';

import { exchange } from '../../differential/exchange.js';
import { arithmeticExtras, packet, setExtras } from '../../support/binary-packets.js';
import { ServerCommand } from '../../support/server-command.js';
import { removeFolder } from '../../support/remove-folder.js';

const SECRET = '31415926535';
const MIB = 'v'.repeat(1_100_000);

/** The bytes to send, and the lines that show them, without the time. */
const CASES: readonly (readonly [string | Buffer, readonly string[]])[] = [
  ['set k 0 0 5\r\nhello\r\n', ['<# set k 0 0 5', '># STORED']],
  ['set k 7 0 5 noreply\r\nhello\r\n', ['<# set k 7 0 5 noreply']],
  ['get k none\r\n', ['<# get k', '># VALUE k 7 5', '<# get none', '># END']],
  ['gets k\r\n', ['<# gets k', '># VALUE k 7 5 2', '># END']],
  ['gat 0 k\r\n', ['<# gat k (exptime 0)', '># VALUE k 7 5', '># END']],
  ['cas k 1 2 3 99\r\nabc\r\n', ['<# cas k 1 2 3 99', '># EXISTS']],
  ['append k 0 0 1\r\nx\r\n', ['<# append k 0 0 1', '># STORED']],
  ['delete k\r\n', ['<# delete k', '># DELETED']],
  ['touch k 5\r\n', ['<# touch k 5', '># NOT_FOUND']],
  ['incr k 5\r\n', ['<# incr k 5', '># NOT_FOUND']],
  ['flush_all 0\r\n', ['<# flush_all 0', '># OK']],
  ['version\r\n', ['<# version', '># VERSION 1.6.45']],
  ['verbosity 2\r\n', ['<# verbosity 2', '># OK']],
  ['watch mutations\r\n', ['<# watch mutations', '># OK']],
  ['delete_prefix a\r\n', ['<# delete_prefix a', '># OK']],
  ['cache_memlimit 64\r\n', ['<# cache_memlimit 64', '># OK']],
  ['stats bogus\r\n', ['<# stats bogus', '># ERROR']],
  ['bogus\r\n', ['<# a line that is answered without being run', '># ERROR']],
  [
    'set k 0 0 1\r\nabc\r\n',
    [
      '<# a line that is answered without being run',
      '># CLIENT_ERROR bad data chunk',
      '<# a line that is answered without being run',
      '># CLIENT_ERROR bad command line format',
    ],
  ],
  ['ms k 2 T0 c\r\nhi\r\n', ['<# ms k 2 T0 c', '># HD c#']],
  ['mg k v s Oq\r\n', ['<# mg k v s Oq', '># VA 2 s2 Oq']],
  ['mg none q\r\n', ['<# mg none q']],
  ['ma n N0 J5 v\r\n', ['<# ma n N0 J5 v', '># VA 1']],
  ['md k q\r\n', ['<# md k q']],
  ['mn\r\n', ['<# mn', '># MN']],
  ['me n\r\n', ['<# me n', '># ME n exp=-1 la=# cas=# fetch=no cls=1 size=#']],
  ['set \x1b[2J\x7f 0 0 1\r\nx\r\n', [String.raw`<# set \x1b[2J\x7f 0 0 1`, '># STORED']],
  [
    packet(0x00, { key: 'a b' }),
    [String.raw`<# binary 0x00 a\x20b`, '># binary 0x00 status 0x0001'],
  ],
  [
    packet(0x01, { key: 'k', extras: setExtras(0, 0), value: 'x' }),
    ['<# binary 0x01 k', '># binary 0x01 status 0x0000'],
  ],
  [packet(0x0a), ['<# binary 0x0a', '># binary 0x0a status 0x0000']],
];

/** Every request that stores or shows a value. */
const SECRETS: readonly (string | Buffer)[] = [
  ...['set', 'add', 'replace', 'append', 'prepend'].map(
    (name) => `${name} s 0 0 ${SECRET.length}\r\n${SECRET}\r\n`,
  ),
  `cas s 0 0 ${SECRET.length} 9\r\n${SECRET}\r\n`,
  `set big 0 0 ${MIB.length + SECRET.length}\r\n${SECRET}${MIB}\r\n`,
  'get big\r\nget s\r\ngets s\r\ngat 0 s\r\nmg s v\r\n',
  `set c 0 0 ${SECRET.length}\r\n${SECRET}\r\nincr c 0\r\ndecr c 0\r\nma c D0 v\r\n`,
  `ms s ${SECRET.length} MS\r\n${SECRET}\r\nms s ${SECRET.length} MA\r\n${SECRET}\r\nmg s v\r\n`,
  `set s 0 0 1\r\n${SECRET}\r\n`,
  `set s x 0 ${SECRET.length}\r\n${SECRET}\r\n`,
  ...[0x01, 0x11, 0x02, 0x03].map((opcode) =>
    packet(opcode, { key: 's', extras: setExtras(0, 0), value: SECRET }),
  ),
  ...[0x00, 0x0c, 0x09, 0x0d].map((opcode) => packet(opcode, { key: 's' })),
  packet(0x05, { key: 'c', extras: arithmeticExtras(0n, 0n, 0) }),
  packet(0x21, { key: 'PLAIN', value: `\0user\0${SECRET}` }),
];

describe('kv-server -v, -vv @long', () => {
  let dir: string;
  let server: ServerCommand | undefined;

  beforeEach(() => (dir = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-trace-'))));
  afterEach(async () => {
    server?.child.kill('SIGKILL');
    await server?.ended;
    removeFolder(dir);
  });

  async function start(...argv: string[]): Promise<number> {
    server = new ServerCommand(['-p', '-1', '--data', path.join(dir, 'data'), ...argv]);
    return server.port();
  }

  /** Returns the lines about clients since the last call, after the connection is closed. */
  let seen = 0;
  async function linesOf(port: number, sent: string | Buffer, times: number): Promise<string[]> {
    await exchange(port, typeof sent === 'string' ? Buffer.from(sent, 'latin1') : sent);
    const said = await server!.saysTimes('connection closed', times);
    const fresh = said.slice(seen);
    seen = said.length;
    return fresh.split('\n').filter((line) => / cairn: [<>]\d/.test(line));
  }

  it('-vv shows each request and each reply as it was sent, without values', async () => {
    const port = await start('-vv', '-A');
    seen = server!.stderr.length;
    for (const [n, [sent, expected]] of CASES.entries()) {
      const lines = await linesOf(port, sent, n + 1);
      const [opened, ...told] = lines.map((line) =>
        line
          .replace(/^\S+Z cairn: ([<>])\d+ /, '$1# ')
          .replaceAll(/(cas=|size=|la=| c)\d+/g, '$1#'),
      );
      expect(opened).to.match(/^<# new client connection from 127\.0\.0\.1:\d+$/);
      expect(told.pop()).to.equal('<# connection closed');
      expect(told).to.deep.equal(expected);
    }
  }).timeout(60_000);

  it('-v shows only connections and errors', async () => {
    const port = await start('-v');
    seen = server!.stderr.length;
    const lines = await linesOf(port, 'set k 0 0 1\r\nx\r\nget k\r\nbogus\r\nincr k 1\r\n', 1);
    expect(lines.map((line) => line.replace(/^.*cairn: ([<>])\d+ /, '$1 '))).to.deep.equal([
      lines[0]!.replace(/^.*cairn: ([<>])\d+ /, '$1 '),
      '> ERROR',
      '> CLIENT_ERROR cannot increment or decrement non-numeric value',
      '< connection closed',
    ]);
  });

  it('the log shows nothing of clients without -v, until verbosity changes that', async () => {
    const port = await start();
    await exchange(
      port,
      Buffer.from('get a\r\nbogus\r\nverbosity 2\r\nget b\r\nverbosity 0\r\nget c\r\n'),
    );
    server!.child.kill('SIGTERM');
    const { stderr } = await server!.ended;
    const about = stderr.split('\n').filter((line) => / cairn: [<>]\d/.test(line));
    expect(about.map((line) => line.replace(/^.*cairn: ([<>])\d+ /, '$1 '))).to.deep.equal([
      '> OK',
      '< get b',
      '> END',
      '< verbosity 0',
    ]);
  });

  for (const format of ['text', 'json']) {
    it(`-vv never shows values and passwords (${format})`, async () => {
      const port = await start('-vv', '-I', '2m', '--log-format', format);
      for (const sent of SECRETS) {
        const bytes = typeof sent === 'string' ? Buffer.from(sent, 'latin1') : sent;
        await exchange(port, bytes);
      }
      server!.child.kill('SIGTERM');
      const { stderr } = await server!.ended;
      expect(stderr).to.contain('binary 0x21').and.contain('set big');
      expect(stderr).not.to.contain(SECRET);
      for (const line of stderr.trimEnd().split('\n')) {
        if (format === 'json') expect(JSON.parse(line), line).to.include.keys('time', 'level');
        else expect(line).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z cairn: /);
      }
    }).timeout(60_000);
  }

  it('-vv does not show a password that logs a client in', async () => {
    const users = path.join(dir, 'users');
    fs.writeFileSync(users, `user:${SECRET}\n`);
    const port = await start('-vv', '-Y', users);
    const words = `user ${SECRET}`;
    for (const said of [words, `${words}x`]) {
      await exchange(port, Buffer.from(`set a 0 0 ${said.length}\r\n${said}\r\nget k\r\n`));
    }
    server!.child.kill('SIGTERM');
    const { stderr } = await server!.ended;
    expect(stderr).to.contain('authenticate').and.contain('CLIENT_ERROR authentication failure');
    expect(stderr).not.to.contain(SECRET);
  });
});
