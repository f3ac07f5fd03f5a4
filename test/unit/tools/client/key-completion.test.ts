import { once } from 'node:events';
import net from 'node:net';

import { expect } from 'chai';

import { completeLine, keyBeginning } from '../../../../tools/client/command-table.js';
import { Connection } from '../../../../tools/client/connection.js';
import {
  completeKey,
  KeyListing,
  SHOWN_KEYS_MAX,
} from '../../../../tools/client/key-completion.js';

function rowsOf(keys: readonly string[]): string {
  return keys.map((key) => `key=${encodeURIComponent(key)} exp=-1 la=1 cas=1\n`).join('');
}

function offered(beginning: string, listing: string): string[] {
  const keys = new KeyListing(beginning);
  // The listing comes byte by byte, so it may be cut anywhere.
  for (const byte of Buffer.from(listing)) if (keys.push(Buffer.of(byte)) !== 'more') break;
  return keys.candidates();
}

function connect(port: number): (timeoutMs: number) => Promise<Connection> {
  return (timeoutMs) => Connection.open({ kind: 'tcp', host: '127.0.0.1', port }, { timeoutMs });
}

describe('keyBeginning()', () => {
  it('gives the last word when the command has a key there', () => {
    const table: readonly (readonly [string, string | undefined])[] = [
      ['get us', 'us'],
      ['GET us', 'us'],
      ['get ', ''],
      ['get a  b', 'b'],
      ['gat 5', undefined],
      ['gat 5 a', 'a'],
      ['gats 5 a b', 'b'],
      ['set us', 'us'],
      ['set user va', undefined],
      ['delete_prefix us', 'us'],
      ['keys us', 'us'],
      ['ttl a b', 'b'],
      ['mg k', 'k'],
      ['mg k t', undefined],
      ['cas k', 'k'],
      ['incr k 1', undefined],
      ['get', undefined],
      ['', undefined],
      ['stats se', undefined],
      ['bogus a', undefined],
    ];
    for (const [line, beginning] of table) expect(keyBeginning(line), line).to.equal(beginning);
  });

  it('leaves commands to complete in any letter case', () => {
    expect(completeLine('DELETE_')).to.deep.equal([['delete_prefix '], 'DELETE_']);
    expect(completeLine('STATS sett')).to.deep.equal([['settings'], 'sett']);
  });
});

describe('KeyListing', () => {
  it('offers keys that begin with the word and can be typed', () => {
    const rows = rowsOf(['user:1', 'größe', 'user:2', 'with space', 'user:\x1b', 'other']);
    expect(offered('user:', `${rows}END\r\n`)).to.deep.equal(['user:1', 'user:2']);
    expect(offered('gr', `OK\r\n${rows}END\r\n`)).to.deep.equal(['größe ']);
    expect(offered('with', `${rows}END\r\n`)).to.deep.equal([]);
    expect(offered('', `${rows}key=%FF exp=-1\nEND\r\n`)).to.have.length(4);
  });

  it('offers what many keys share when all are known, and otherwise marks that there are more', () => {
    const many = Array.from({ length: SHOWN_KEYS_MAX + 50 }, (_, at) => `user:${at}`);
    expect(offered('us', `${rowsOf(many)}END\r\n`)).to.deep.equal(['user:']);
    const cut = offered('user:', rowsOf(many));
    expect(cut).to.deep.equal([...many.slice(0, SHOWN_KEYS_MAX), '…']);
    // The listing ended at the deadline, before END.
    expect(offered('us', rowsOf(['user:1', 'user:2']))).to.deep.equal(['user:1', 'user:2', '…']);
  });

  it('offers nothing when the server does not list keys', () => {
    for (const reply of ['ERROR\r\n', 'CLIENT_ERROR lru crawler disabled\r\n', '-ERR x\r\n', ''])
      expect(offered('', reply), reply).to.deep.equal([]);
    expect(offered('', `${rowsOf(['a'])}SERVER_ERROR no\r\n`)).to.deep.equal([]);
  });
});

describe('completeKey()', () => {
  let server: net.Server | undefined;
  afterEach(() => server?.close());

  const listen = async (answer: (socket: net.Socket) => void): Promise<number> => {
    server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => answer(socket));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as net.AddressInfo).port;
  };
  it('ends an endless listing as soon as enough keys are known', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    const port = await listen((socket) => {
      closed = new Promise((resolve) => socket.once('close', resolve));
      const rows = rowsOf(Array.from({ length: 1000 }, (_, at) => `key-${at}`));
      const more = (): void => {
        while (socket.writable && socket.write(rows)) continue;
      };
      socket.on('drain', more);
      more();
    });
    expect(await completeKey('key-', connect(port))).to.have.length(SHOWN_KEYS_MAX + 1);
    await closed;
  });

  it('does not wait longer than its deadline, and offers the keys so far', async () => {
    const port = await listen((socket) => socket.write(rowsOf(['key-1', 'key-2'])));
    expect(await completeKey('key', connect(port))).to.deep.equal(['key-1', 'key-2', '…']);
  });

  it('offers nothing when the server breaks off, or when there is none', async () => {
    const port = await listen((socket) => socket.destroy());
    expect(await completeKey('key', connect(port))).to.deep.equal([]);
    expect(await completeKey('key', connect(1))).to.deep.equal([]);
  });
});
