// The words that kv-client sends: no argument of any command reaches a server as a second command, and the client
// sends no byte that was not given.

import { spawnSync } from 'node:child_process';
import net from 'node:net';
import { join } from 'node:path';

import { expect } from 'chai';
import { CommanderError } from 'commander';

import { EXIT } from '../../../../src/exit-codes.js';
import type { Mode } from '../../../../tools/client/command-table.js';
import { addCommands, type Session } from '../../../../tools/client/commands.js';
import { Connection } from '../../../../tools/client/connection.js';
import { announcedBytes, replyKind } from '../../../../tools/client/typed-line.js';
import { createProgram, exitCodeOfFailure } from '../../../../tools/terminal/program.js';
import { listenOnLoopback } from '../../../support/loopback-port.js';
import { runTool } from '../../../support/tool-run.js';

/** Each command with right arguments; `#` marks a number. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  get: ['key', 'other'],
  history: ['key'],
  set: ['key', 'value'],
  add: ['key', 'value'],
  replace: ['key', 'value'],
  append: ['key', 'value'],
  prepend: ['key', 'value'],
  cas: ['key', 'value', '#5'],
  incr: ['key', '#5'],
  decr: ['key', '#5'],
  touch: ['key', '#5'],
  delete: ['key', 'other'],
  delete_prefix: ['key'],
  ttl: ['key', 'other'],
  watch: ['mutations'],
  flush_all: ['#5'],
  stats: ['items'],
  verbosity: ['#1'],
  raw: ['get', 'key'],
};
/** The commands whose words are not sent. */
const UNSENT = ['keys', 'follow', 'version', 'passwd', 'help'];
const OPTIONS: readonly (readonly string[])[] = [
  ['get', 'key', '--touch'],
  ['set', 'key', 'value', '--flags'],
  ['set', 'key', 'value', '--exptime'],
];
const HOSTILE = ['1\r\nflush_all', '1\nflush_all', '1\rflush_all', '1 noreply', '1\tx', '\x7f', ''];
const NO_NUMBERS = ['x', '1e3', '0x10', '+1', '1.5', '18446744073709551616', '１'];
const MODES = ['tcp', 'memcached'] as const;

/** A server that notes the bytes it receives, and answers every line with OK. */
class Listener {
  received = Buffer.alloc(0);
  readonly #server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      socket.write(/stats|metadump/.test(chunk.toString('latin1')) ? 'END\r\n' : 'OK\r\n');
    });
  });

  async listen(): Promise<string> {
    return String(await listenOnLoopback(this.#server));
  }

  close(): void {
    this.#server.close();
  }
}

/** Returns all lines with a hostile word in one place of one command. */
function hostileLines(): string[][] {
  const lines: string[][] = [];
  for (const [name, given] of Object.entries(COMMANDS)) {
    const right = given.map((word) => word.replace('#', ''));
    for (const [at, word] of given.entries()) {
      // A value is sent with its length, whatever it holds.
      if (word === 'value') continue;
      // `raw` takes a whole line, in which spaces separate words.
      const words = name === 'raw' ? HOSTILE.filter((one) => /[\r\n\t\x7f]/.test(one)) : HOSTILE;
      const wrong = word.startsWith('#') ? [...words, ...NO_NUMBERS] : words;
      for (const one of wrong) lines.push([name, ...right.with(at, one)]);
    }
  }
  for (const option of OPTIONS)
    for (const one of [...HOSTILE, ...NO_NUMBERS]) lines.push([...option, one]);
  return lines;
}

/** Runs the command inside this process, since a process of its own is slow. Returns the exit code. */
async function runHere(port: string, mode: Mode, line: readonly string[]): Promise<number> {
  const endpoint = { kind: 'tcp', host: '127.0.0.1', port: Number(port) } as const;
  const session: Session = {
    endpoint,
    mode,
    connect: () => Connection.open(endpoint, { timeoutMs: 5000 }),
    connectionOptions: () => Promise.resolve({ timeoutMs: 5000 }),
    run: async () => EXIT.ok,
  };
  const program = createProgram('kv-client', '').configureOutput({ writeErr: () => undefined });
  addCommands(program, session);
  try {
    await program.parseAsync([...line], { from: 'user' });
    return await session.run();
  } catch (error: unknown) {
    return error instanceof CommanderError ? EXIT.usage : exitCodeOfFailure(error);
  }
}

describe('kv-client: the words of a request @long', () => {
  let listener: Listener;
  let port = '';
  beforeEach(async () => {
    listener = new Listener();
    port = await listener.listen();
  });
  afterEach(() => listener.close());

  it('the table of this test has every command', async () => {
    const help = (await runTool('kv-client', ['--help'])).stdout.toString();
    const names = [...help.matchAll(/^ {2}([a-z_]+)(?:\|[a-z-]+)? .*$/gm)].map(
      (match) => match[1] ?? '',
    );
    const commands = names.filter((name) => name !== 'kv');
    expect(commands).to.include('verbosity').and.include('get');
    expect(
      commands.filter((name) => COMMANDS[name] === undefined && !UNSENT.includes(name)),
    ).to.deep.equal([]);
  });

  it('a word with a second command, a space or no number is refused, in both modes', async () => {
    const lines = hostileLines();
    expect(lines.length).to.be.above(150);
    for (const line of lines)
      for (const mode of MODES) {
        const code = await runHere(port, mode, line);
        expect([code, listener.received.length], JSON.stringify(line)).to.deep.equal([64, 0]);
      }
  });

  it('a value may hold anything, and a key anything that is one word', async () => {
    await runTool('kv-client', [port, 'set', 'k\u00a0ü', 'a\r\nflush_all\r\n']);
    expect(listener.received.toString()).to.equal('set k\u00a0ü 0 0 14\r\na\r\nflush_all\r\n\r\n');
  });

  it('raw sends a value only when it has the announced length @long', async () => {
    for (const args of [
      ['set k 0 0 1', '--value', 'x\r\nflush_all'],
      ['ms k 1', '--value', 'x\r\nflush_all'],
      ['set k 0 0 5'],
      ['get k', '--value', 'flush_all'],
      ['bogus k 9', '--value', 'flush_all'],
    ]) {
      const { code } = await runTool('kv-client', [port, 'raw', ...args]);
      expect([code, listener.received.length], args.join(' ')).to.deep.equal([64, 0]);
    }
  });

  it('a key may be called noreply, and the client waits for its reply', async () => {
    for (const name of ['delete', 'delete_prefix']) {
      const { code, stdout } = await runTool('kv-client', [port, name, 'noreply']);
      expect([code, stdout.toString()], name).to.deep.equal([0, 'OK\n']);
    }
    for (const line of ['delete noreply', 'delete_prefix noreply', 'gat 0 noreply', 'mg noreply'])
      expect(replyKind(line.split(' ')), line).to.equal('reply');
    for (const line of ['touch k 0 noreply', 'flush_all noreply', 'cas k 0 0 1 2 noreply'])
      expect(replyKind(line.split(' ')), line).to.equal('none');
  });

  it('a command line with bytes that are not UTF-8 is refused, and not changed', () => {
    const program = join(import.meta.dirname, '../../../../tools/kv-client.js');
    for (const args of [`set k $'a\\xff'`, `get $'k\\xff'`, `keys $'\\xff'`]) {
      const script = `"${process.execPath}" "${program}" ${port} ${args}`;
      const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
      expect([status, stderr], args).to.satisfy(
        ([code, text]: [number, string]) => code === 64 && text.includes('UTF-8'),
      );
    }
    expect(listener.received.length).to.equal(0);
  });

  it('the prompt sends bytes as they were piped in, or not at all @long', async () => {
    const value = Buffer.from([0xff, 0x0d, 0x0a, 0xe2, 0x80, 0xa8, 0x0d]);
    const sent = [Buffer.from('set k 0 0 7\r\n'), value, Buffer.from('\r\n')];
    await runTool('kv-client', [port], Buffer.concat(sent));
    expect(listener.received.equals(Buffer.concat(sent))).to.equal(true);
    listener.received = Buffer.alloc(0);
    for (const line of ['get k\xff', 'set k \xff', 'get a\tb', 'incr n 1\x07', 'set k\x1b v']) {
      const { code } = await runTool('kv-client', [port], Buffer.from(`${line}\n`, 'latin1'));
      expect([code, listener.received.length], line).to.deep.equal([64, 0]);
    }
  });
}).timeout(60_000);

describe('announcedBytes()', () => {
  it('reads the length in every form of a storage command', () => {
    const table: readonly (readonly [string, number | undefined])[] = [
      ['set k 0 0 5', 5],
      ['set k 0 0 5 noreply', 5],
      ['set k 5', 5],
      ['set k 5 1', 5],
      ['set k 5 noreply', 5],
      ['cas k 0 0 5 77', 5],
      ['ms k 5 T0 q', 5],
      ['get k', undefined],
      ['incr k 5', undefined],
    ];
    for (const [line, bytes] of table)
      expect(announcedBytes(line.split(' ')), line).to.equal(bytes);
  });
});
