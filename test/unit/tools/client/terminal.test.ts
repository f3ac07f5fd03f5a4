// The prompt of kv-client on a terminal: the compiled client on a pseudo terminal, against a small server.

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

import { expect } from 'chai';

import { requireProgram } from '../../../support/programs.js';
import { temporaryFolder } from '../../../support/servers.js';
import { removeFolder } from '../../../support/remove-folder.js';

const CLIENT = join(import.meta.dirname, '../../../../tools/kv-client.js');
const LISTING = 'key=user:anna exp=-1\nkey=user:bert exp=-1\nkey=visits exp=-1\nEND\r\n';

/** The screen that a person sees, and the keyboard. */
class Screen {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly exited: Promise<unknown[]>;
  #shown = '';

  constructor(program: string, port: number, history: string) {
    const command = `"${process.execPath}" "${CLIENT}" ${port}`;
    const env = { ...process.env, CAIRN_HISTORY: history, TERM: 'xterm', NO_COLOR: '1' };
    this.#child = spawn(program, ['-qec', command, '/dev/null'], { env });
    this.#child.stdout.on('data', (chunk) => (this.#shown += String(chunk)));
    this.exited = once(this.#child, 'exit');
  }

  /** Types the keys, and waits until `seen` is shown after that. */
  async type(keys: string, seen: string): Promise<void> {
    this.#shown = '';
    this.#child.stdin.write(keys);
    while (!stripVTControlCharacters(this.#shown).includes(seen))
      await once(this.#child.stdout, 'data');
  }
}

describe('kv-client at a terminal', () => {
  let dir = '';
  let server: net.Server;
  let port = 0;
  let received = '';
  let lists = true;

  beforeEach(async () => {
    dir = temporaryFolder();
    received = '';
    lists = true;
    server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
        // A value comes in separate pieces after its command line.
        if (!/^(?:(?!set ).*|set .*\r\n.*)\r\n$/.test(text)) return;
        const isListing = text.startsWith('lru_crawler ');
        if (isListing) socket.once('close', () => server.emit('listed'));
        else received += text;
        if (text === 'quit\r\n') socket.end();
        else socket.write(isListing && lists ? LISTING : isListing ? 'ERROR\r\n' : 'END\r\n');
        text = '';
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as net.AddressInfo).port;
  });
  afterEach(() => {
    server.close();
    removeFolder(dir);
  });

  const open = async (context: Mocha.Context): Promise<Screen> => {
    const program = requireProgram(context, 'script', 'bsdutils');
    const screen = new Screen(program, port, join(dir, 'history'));
    await screen.type('', `${port}> `);
    return screen;
  };

  it('Tab completes keys of the server, and shows several keys as a list', async function () {
    const screen = await open(this);
    await screen.type('GET us', 'us');
    await screen.type('\t', 'er:');
    await screen.type('\t', 'user:bert');
    await screen.type('b', 'b');
    await screen.type('\t', 'ert ');
    await screen.type('\r', 'END');
    // In a value Tab is a byte.
    await screen.type('set v', 'v');
    await screen.type('\t', 'isits ');
    await screen.type('3\r', '3 bytes> ');
    await screen.type('a', 'a');
    await screen.type('\t', '\t');
    await screen.type('b\r', 'END');
    await screen.type('quit\r', 'quit');
    await screen.exited;
    expect(received).to.equal('get user:bert\r\nset visits 0 0 3\r\na\tb\r\nquit\r\n');
  });

  it('Tab shows nothing when the server does not list keys', async function () {
    lists = false;
    const screen = await open(this);
    await screen.type('get k', 'k');
    await Promise.all([screen.type('\t', ''), once(server, 'listed')]);
    await screen.type('1', '1');
    await screen.type('\r', 'END');
    await screen.type('quit\r', 'quit');
    await screen.exited;
    expect(received).to.equal('get k1\r\nquit\r\n');
  });

  it('Ctrl-R searches the history, also of an earlier session', async function () {
    const first = await open(this);
    for (const line of ['get alpha', 'get beta', 'delete alpha'])
      await first.type(`${line}\r`, 'END');
    await first.type('quit\r', 'quit');
    await first.exited;
    received = '';
    const screen = await open(this);
    await screen.type('\x12', "(reverse-i-search)`': ");
    await screen.type('alp', "`alp': delete alpha");
    await screen.type('\x12', "`alp': get alpha");
    await screen.type('\x12', '(failed reverse-i-search)');
    await screen.type('\r', 'END');
    // The first search takes a line to change it; the second ends with the typed line as it was.
    await screen.type('\x12beta', "`beta': get beta");
    await screen.type('\x1b[D', '> get beta');
    await screen.type('2', 'bet2a');
    await screen.type('\r', 'END');
    await screen.type('get typed', 'typed');
    await screen.type('\x12del', "`del': delete alpha");
    await screen.type('\x07', '> get typed');
    await screen.type('\r', 'END');
    await screen.type('quit\r', 'quit');
    await screen.exited;
    expect(received).to.equal('get alpha\r\nget bet2a\r\nget typed\r\nquit\r\n');
    const kept = readFileSync(join(dir, 'history'), 'utf8').split('\n').slice(-5, -1);
    expect(kept).to.deep.equal(['get alpha', 'get bet2a', 'get typed', 'quit']);
  });
}).timeout(60_000);
