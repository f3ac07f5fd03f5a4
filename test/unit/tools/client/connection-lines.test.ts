// Connection.lines(): listings of any length, from servers that send faster than the tool reads, or break off.

import { once } from 'node:events';
import net from 'node:net';

import { expect } from 'chai';

import { Connection } from '../../../../tools/client/connection.js';

const TURNS = 2000;
/** More than the buffers of a socket in the system hold. */
const LISTING_BYTES = 32 * 1024 * 1024;

describe('Connection', () => {
  let listener: net.Server;
  let onSocket: ((socket: net.Socket) => void) | undefined;

  beforeEach(async () => {
    listener = net.createServer((socket) => onSocket?.(socket)).listen(0, '127.0.0.1');
    await once(listener, 'listening');
  });
  afterEach(() => listener.close());

  async function connect(timeoutMs = 10_000): Promise<Connection> {
    const { port } = listener.address() as net.AddressInfo;
    return Connection.open({ kind: 'tcp', host: '127.0.0.1', port }, { timeoutMs });
  }

  it('lines() holds the server back while no line is taken, and gives every line', async () => {
    const line = `${'x'.repeat(1021)}\xff\r\n`;
    const count = LISTING_BYTES / line.length;
    let isSent = false;
    onSocket = (socket) => {
      socket.once('data', () => {
        const listing = Buffer.concat([
          Buffer.alloc(LISTING_BYTES, line, 'latin1'),
          Buffer.from('END\r\n'),
        ]);
        socket.write(listing, () => {
          isSent = true;
        });
      });
    };
    const connection = await connect();
    let taken = 0;
    for await (const each of connection.lines(Buffer.from('list\r\n'))) {
      if (each === 'END') break;
      taken += 1;
      if (each.length !== 1022 || !each.endsWith('x\xff')) expect.fail(`line ${taken} is ${each}`);
      if (taken !== 1) continue;
      for (let turn = 0; turn < TURNS; turn += 1)
        await new Promise((resume) => setImmediate(resume));
      expect(isSent).to.equal(false);
    }
    expect([taken, isSent]).to.deep.equal([count, true]);
    await connection.close();
  });

  it('lines() fails with 69 when the server breaks off, is silent, or sends no line end', async () => {
    for (const [end, timeoutMs, said] of [
      [(socket: net.Socket) => socket.end('a\r\nb'), 10_000, 'closed the connection'],
      [(socket: net.Socket) => socket.write('a\r\nb'), 50, 'No answer within'],
      [
        (socket: net.Socket) => socket.write(`a\r\n${'b'.repeat(2_000_000)}`),
        10_000,
        'no line end',
      ],
    ] as const) {
      onSocket = (socket) => {
        socket.on('error', () => socket.destroy());
        socket.once('data', () => end(socket));
      };
      const connection = await connect(timeoutMs);
      const taken: string[] = [];
      let outcome: unknown;
      try {
        for await (const line of connection.lines(Buffer.from('list\r\n'))) taken.push(line);
      } catch (error: unknown) {
        outcome = error;
      }
      expect(outcome).to.include({ name: 'ToolError', exitCode: 69 });
      expect((outcome as Error).message).to.contain(said);
      expect(taken).to.deep.equal(['a']);
      await connection.close();
    }
  });
}).timeout(20_000);
