// ServerItems over real memcached and Cairn, and over scripted servers for replies that these do not give.

import { expect } from 'chai';

import { Connection } from '../../../../tools/client/connection.js';
import { ServerItems } from '../../../../tools/dump/server-items.js';
import type { SnapshotItem } from '../../../../src/store/snapshot-file/writer.js';
import { describeServers } from '../../../support/servers.js';
import { startScripted, type Script } from '../../../support/scripted-server.js';

const DAY_SECONDS = 86_400;

interface Read {
  readonly items: readonly SnapshotItem[];
  readonly notes: string;
}

async function connect(port: number): Promise<Connection> {
  return Connection.open({ kind: 'tcp', host: '127.0.0.1', port }, { timeoutMs: 10_000 });
}

async function read(
  port: number,
  wanted: { prefix?: string; keysOnly?: boolean } = {},
): Promise<Read> {
  const connection = await connect(port);
  try {
    const { prefix = '', keysOnly = false } = wanted;
    const source = await ServerItems.open(connection, { prefix: Buffer.from(prefix), keysOnly });
    try {
      const items = [];
      for await (const item of source.items()) items.push(item);
      return { items, notes: source.notes().join('\n') };
    } finally {
      await source.close();
    }
  } finally {
    await connection.close();
  }
}

/** Returns the bytes of a value that is not large. */
function textOf({ value }: SnapshotItem): string | undefined {
  return Buffer.isBuffer(value) ? value.toString('latin1') : undefined;
}

describeServers(
  'ServerItems',
  (server) => {
    async function store(...requests: readonly (string | Buffer)[]): Promise<void> {
      const connection = await connect(server.port());
      for (const request of requests) {
        const { last } = await connection.request(
          [Buffer.from(request as string, 'latin1'), Buffer.from('\r\n')],
          'reply',
        );
        expect(last).to.match(/^(?:HD|STORED|OK)$/);
      }
      await connection.close();
    }

    beforeEach(() => store('flush_all'));

    it('items() gives key, flags, expiry, CAS token and value of each item, whatever the bytes', async () => {
      const long = 'k'.repeat(250);
      const binary = Buffer.from([0xff, 0x20, 0x00, 0x0a]);
      await store(
        'ms plain 3 F7 T100\r\none',
        `ms ${binary.toString('base64')} 4 b F1\r\n\x00\r\n\xff`,
        'ms per%cent 2\r\n\r\n',
        `ms ${long} 0 F4294967295\r\n`,
        'ms \xe4\xf6 1\r\nu',
      );
      const { items, notes } = await read(server.port());
      const nowMs = Date.now();
      const found = new Map(items.map((item) => [item.key.toString('latin1'), item]));
      expect([...found.keys()].sort()).to.deep.equal(
        ['plain', binary.toString('latin1'), 'per%cent', long, '\xe4\xf6'].sort(),
      );
      expect(items).to.have.length(5);
      const plain = found.get('plain')!;
      expect([plain.flags, textOf(plain), plain.cas > 0n]).to.deep.equal([7, 'one', true]);
      expect(plain.expiresAt).to.be.within(nowMs + 90_000, nowMs + 101_000);
      const odd = found.get(binary.toString('latin1'))!;
      expect([odd.flags, odd.expiresAt, textOf(odd)]).to.deep.equal([1, 0, '\x00\r\n\xff']);
      expect(found.get(long)!.flags).to.equal(4_294_967_295);
      expect(textOf(found.get('per%cent')!)).to.equal('\r\n');
      expect(notes).to.contain('not of one moment').and.not.contain('gone');
    });

    it('items() gives only the keys of a prefix, and no values with keysOnly', async () => {
      await store('ms user:1 1 F3\r\na', 'ms user:2 1\r\nb', 'ms other 1\r\nc');
      const { items } = await read(server.port(), { prefix: 'user:', keysOnly: true });
      const seen = items.map(
        ({ key, flags, value }) => `${key.toString()} ${flags} ${typeof value}`,
      );
      expect(seen.sort()).to.deep.equal(['user:1 3 undefined', 'user:2 0 undefined']);
    });

    it('items() gives each key of many windows once', async () => {
      const count = 3000;
      const connection = await connect(server.port());
      const requests = Array.from(
        { length: count },
        (_, at) => `ms key-${at} 4 q\r\n${1000 + at}\r\n`,
      );
      await connection.request([Buffer.from(requests.join(''))], 'barrier');
      await connection.close();
      const { items } = await read(server.port());
      const pairs = items.map((item) => `${item.key.toString()}=${textOf(item)}`);
      expect(new Set(pairs).size).to.equal(count);
      expect(pairs).to.have.length(count).and.to.include('key-2999=3999');
    });

    it('items() gives a value over 1 MiB in pieces', async () => {
      const value = Buffer.alloc(1_500_000, 'abcdefg');
      await store(Buffer.concat([Buffer.from('ms large 1500000\r\n'), value]));
      const { items } = await read(server.port());
      const large = items[0]!.value!;
      expect(Buffer.isBuffer(large)).to.equal(false);
      if (Buffer.isBuffer(large)) return;
      const piece = Buffer.alloc(1_000_000);
      expect(await large.read(piece, 1_000_000)).to.equal(500_000);
      expect(piece.subarray(0, 500_000).equals(value.subarray(1_000_000))).to.equal(true);
    });
  },
  { args: ['-I', '2m'] },
);

describeServers(
  'ServerItems without an LRU crawler',
  (server) => {
    it('items() reads from cachedump, and notes say how many keys that does not list', async () => {
      const connection = await connect(server.port());
      const requests = ['ms a 1 F5 T100\r\nx\r\n', 'ms azEgMQ== 2 b\r\nhi\r\n', 'ms c 1\r\ny\r\n'];
      for (const request of requests)
        expect((await connection.request([Buffer.from(request)], 'reply')).last).to.equal('HD');
      await connection.close();
      const { items, notes } = await read(server.port());
      const seen = items.map((item) => `${item.key.toString()} ${item.flags} ${textOf(item)}`);
      expect(seen.sort()).to.deep.equal(['a 5 x', 'c 0 y']);
      expect(notes).to.contain('listed 2 of 3 keys');
    });
  },
  { kinds: ['memcached'], args: ['-o', 'no_lru_crawler'] },
);

describe('ServerItems of an old or failing server', () => {
  let closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closing.map((close) => close()));
    closing = [];
  });

  async function scripted(script: Script): Promise<{ port: number; asked: readonly string[] }> {
    const server = await startScripted(script);
    closing.push(() => server.close());
    return server;
  }

  /** The clock of the old server is two days ahead. */
  const nowSeconds = Math.floor(Date.now() / 1000) + 2 * DAY_SECONDS;
  const OLD: Readonly<Record<string, string>> = {
    'stats items': 'STAT items:3:number 5\r\nSTAT items:3:age 9\r\nEND\r\n',
    stats: `STAT pid 1\r\nSTAT time ${nowSeconds}\r\nEND\r\n`,
    'stats cachedump 3 0':
      `ITEM a [1 b; ${nowSeconds + 60} s]\r\nITEM gone [1 b; ${nowSeconds + 60} s]\r\n` +
      `ITEM ever [2 b; ${nowSeconds - DAY_SECONDS} s]\r\nITEM with space [1 b; 0 s]\r\nEND\r\n`,
    'gets a gone ever': 'VALUE a 5 1 17\r\nx\r\nVALUE ever 0 2 18\r\n\r\n\r\nEND\r\n',
  };

  it('items() reads an old server by gets, and takes the expiry from its listing and its clock', async () => {
    const { port } = await scripted((line) => OLD[line] ?? 'ERROR\r\n');
    const { items, notes } = await read(port);
    const nowMs = Date.now();
    expect(items.map(({ key, flags, cas }) => [key.toString(), flags, cas])).to.deep.equal([
      ['a', 5, 17n],
      ['ever', 0, 18n],
    ]);
    expect(items[0]!.expiresAt).to.be.within(nowMs + 50_000, nowMs + 62_000);
    expect([items[1]!.expiresAt, textOf(items[1]!)]).to.deep.equal([0, '\r\n']);
    expect(notes).to.contain('listed 4 of 5').and.contain('no meta commands');
    expect(notes).to.contain('1 key had gone').and.contain('left out: 1 key');
  });

  it('open() waits for a busy LRU crawler, and asks an older server for its other listing', async () => {
    const said = [
      'BADCLASS invalid class id\r\n',
      'BUSY currently processing crawler request\r\n',
      'key=a%20b exp=-1 size=70\r\nEND\r\n',
    ];
    const { port } = await scripted((line) => {
      if (line === 'mn') return 'MN\r\n';
      if (line.startsWith('lru_crawler')) return said.shift();
      return line.startsWith('mg YSBi b') ? 'VA 1 f0 t-1 c9 O0\r\nx\r\n' : 'EN\r\n';
    });
    const { items } = await read(port);
    expect(items.map(({ key, cas }) => [key.toString(), cas])).to.deep.equal([['a b', 9n]]);
  });

  it('notes count a key that went between listing and reading, and a key that the server refused', async () => {
    const { port, asked } = await scripted((line) => {
      if (line.startsWith('lru_crawler'))
        return 'key=a exp=-1\r\nkey=b exp=-1\r\nkey=c exp=-1\r\nEND\r\n';
      if (line.startsWith('mg b')) return 'CLIENT_ERROR bad command line format\r\n';
      if (line.startsWith('mg c')) return 'VA 1 f0 t-1 c9 O2\r\nx\r\n';
      return line === 'mn' ? 'MN\r\n' : 'EN\r\n';
    });
    const { items, notes } = await read(port);
    expect(items.map(({ key }) => key.toString())).to.deep.equal(['c']);
    expect(notes).to.contain('1 key had gone').and.contain('left out: 1 key');
    expect(asked.filter((line) => line.startsWith('mg a'))).to.deep.equal(['mg a f t c v u O0']);
  });

  const failures: readonly (readonly [string, number, Script])[] = [
    [
      'goes away while it lists',
      69,
      (line) => (line === 'mn' ? 'MN\r\n' : line.startsWith('mg') ? 'EN\r\n' : undefined),
    ],
    [
      'goes away while it is read',
      69,
      (line) => {
        if (line.startsWith('lru_crawler')) return 'key=a exp=-1\r\nEND\r\n';
        if (line.startsWith('mg a')) return undefined;
        return line === 'mn' ? 'MN\r\n' : 'EN\r\n';
      },
    ],
    [
      'cannot say a value',
      74,
      (line) => {
        if (line.startsWith('lru_crawler')) return 'key=a exp=-1\r\nEND\r\n';
        if (line.startsWith('mg a')) return 'SERVER_ERROR out of memory\r\n';
        return line === 'mn' ? 'MN\r\n' : 'EN\r\n';
      },
    ],
    [
      'breaks its listing off',
      74,
      (line) => {
        if (line.startsWith('lru_crawler')) return 'key=a exp=-1\r\nSERVER_ERROR out of memory\r\n';
        return line === 'mn' ? 'MN\r\n' : 'EN\r\n';
      },
    ],
    ['wants a login', 77, () => 'CLIENT_ERROR unauthenticated\r\n'],
    ['lists nothing in any way', 64, () => 'ERROR\r\n'],
    ['cannot list at the moment', 69, () => 'SERVER_ERROR temporary failure\r\n'],
    ['is no memcached', 76, () => 'HTTP/1.1 400 Bad Request\r\n'],
    [
      'lists nonsense',
      76,
      (line) => (line === 'mn' ? 'MN\r\n' : line.startsWith('mg') ? 'EN\r\n' : 'nonsense\r\n'),
    ],
  ];
  for (const [what, code, script] of failures) {
    it(`items() fails with ${code} when the server ${what}`, async () => {
      const { port } = await scripted(script);
      const outcome = await read(port).catch((error: unknown) => error);
      expect(outcome).to.include({ name: 'ToolError', exitCode: code });
    });
  }
}).timeout(10_000);
