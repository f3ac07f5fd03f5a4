// End to end: kv-dump of a real memcached, flags that it refuses for a server, and tables.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { Connection } from '../../../tools/client/connection.js';
import { ServerProcess } from '../../../tools/torture/server-process.js';
import { requireProgram } from '../../support/programs.js';
import { startScripted } from '../../support/scripted-server.js';
import { cairnLaunch, memcachedLaunch, temporaryFolder } from '../../support/servers.js';
import { runTool, type ToolRun } from '../../support/tool-run.js';
import { removeFolder } from '../../support/remove-folder.js';

const KEYS = 600;

interface Seen {
  readonly value: string;
  readonly flags: string;
  readonly ttlSeconds: number;
}

async function connect(port: number): Promise<Connection> {
  return Connection.open({ kind: 'tcp', host: '127.0.0.1', port }, { timeoutMs: 10_000 });
}

/** Returns the words that name the keys in requests, some in base64 with the flag `b`. */
function words(): string[] {
  return Array.from({ length: KEYS }, (_, at) =>
    at % 7 === 0 ? `${Buffer.from(`bin ary\0${at}`).toString('base64')} b` : `key:%${at}`,
  );
}

async function fill(port: number): Promise<void> {
  const connection = await connect(port);
  const requests = words().map((word, at) => {
    const [key, base64 = ''] = word.split(' ');
    const value = Buffer.alloc(at, `\xff\r\n${at}`, 'latin1');
    const ttl = at % 3 === 0 ? `T${1000 + at}` : 'T0';
    const head = `ms ${key} ${value.length} ${base64} F${at} ${ttl} q\r\n`.replace('  ', ' ');
    return Buffer.concat([Buffer.from(head), value, Buffer.from('\r\n')]);
  });
  const { rows, last } = await connection.request([Buffer.concat(requests)], 'barrier');
  expect([rows, last]).to.deep.equal([[], 'MN']);
  await connection.close();
}

async function everything(port: number): Promise<Map<string, Seen>> {
  const connection = await connect(port);
  const seen = new Map<string, Seen>();
  for (const word of words()) {
    const request = Buffer.from(`mg ${word} f t v\r\n`);
    const { items, last } = await connection.request([request], 'reply');
    const [, flags = '', ttl = ''] = /^VA \d+ (?:b )?f(\d+) t(-?\d+)/.exec(last) ?? [];
    const value = items[0]?.value.toString('latin1') ?? `missing: ${last}`;
    seen.set(word, { value, flags, ttlSeconds: Number(ttl) });
  }
  await connection.close();
  return seen;
}

function entriesOf({ stdout }: ToolRun): { key: string; expiresAt: number | null }[] {
  return (JSON.parse(stdout.toString()) as { entries: { key: string; expiresAt: number | null }[] })
    .entries;
}

/** Returns a line for each key, with its CAS token. */
async function casOf(place: string): Promise<string[]> {
  const args = [place, '--format', 'ndjson', '--columns', 'key,keyEncoding,cas', '--keys-only'];
  return (await runTool('kv-dump', args)).stdout.toString().split('\n').sort();
}

describe('kv-dump of a server @long', () => {
  let root = '';
  let memcached: ServerProcess;
  let cairn: ServerProcess;
  /** The times at which the first and the last key were stored. */
  let filledMs: readonly [number, number] = [0, 0];

  before(async function () {
    const program = requireProgram(this, 'memcached', 'memcached');
    root = temporaryFolder();
    memcached = await ServerProcess.start(memcachedLaunch(program));
    cairn = await ServerProcess.start(cairnLaunch(join(root, 'data')));
    const startMs = Date.now();
    await fill(memcached.port);
    filledMs = [startMs, Date.now()];
  });
  after(async () => {
    await memcached?.kill();
    await cairn?.kill();
    if (root !== '') removeFolder(root);
  });

  it('memcached → kv-dump → kv-load → Cairn keeps each key with flags, value, and expiry to a second', async () => {
    const expected = await everything(memcached.port);
    for (const args of [[], ['--format', 'csv']]) {
      const dumped = await runTool('kv-dump', [`memcached://127.0.0.1:${memcached.port}`, ...args]);
      expect(dumped.code, dumped.stderr).to.equal(0);
      expect(dumped.stderr)
        .to.contain(`${KEYS} keys of 127.0.0.1`)
        .and.contain('not of one moment');
      const loaded = await runTool(
        'kv-load',
        [`memcached://127.0.0.1:${cairn.port}/`, '-'],
        dumped.stdout,
      );
      expect(loaded.code, loaded.stderr).to.equal(0);
      expect(loaded.stderr).to.contain(`${KEYS} keys loaded`);
      const found = await everything(cairn.port);
      for (const [word, { value, flags, ttlSeconds }] of expected) {
        const here = found.get(word)!;
        expect([here.value, here.flags], word).to.deep.equal([value, flags]);
        if (ttlSeconds < 0) expect(here.ttlSeconds, word).to.equal(-1);
      }
      for (const { key, expiresAt } of entriesOf(await runTool('kv-dump', [join(root, 'data')]))) {
        const at = Number(/\d+$/.exec(key)?.[0]);
        if (at % 3 !== 0) expect(expiresAt, key).to.equal(null);
        // memcached expires within a second of the given time, and the dump is within a second of that.
        else
          expect(expiresAt, key).to.be.within(
            filledMs[0] + (998 + at) * 1000,
            filledMs[1] + (1002 + at) * 1000,
          );
      }
      await runTool('kv-client', [String(cairn.port), 'flush_all']);
    }
  });

  it('json in a file has the count, which was not known before, and the CAS tokens', async () => {
    const out = join(root, 'dump.json');
    const { code, stderr } = await runTool('kv-dump', [
      memcached.address,
      '--format',
      'json',
      '--out',
      out,
    ]);
    expect(code, stderr).to.equal(0);
    const dump = JSON.parse(readFileSync(out, 'utf8')) as {
      count: number;
      entries: { cas: number }[];
    };
    expect([dump.count, dump.entries.length]).to.deep.equal([KEYS, KEYS]);
    expect(new Set(dump.entries.map(({ cas }) => cas)).size).to.equal(KEYS);
    expect((await runTool('kv-load', [join(root, 'store'), out, '--create'])).code).to.equal(0);
    expect(await casOf(join(root, 'store'))).to.deep.equal(await casOf(memcached.address));
  });

  it('refuses by name the flags that do not fit a server', async () => {
    for (const [args, said] of [
      [['--at', '10m'], '--at is for a data directory'],
      [['--seq', '5'], '--seq is for a data directory'],
      [['--before-flush'], '--before-flush is for a data directory'],
      [['--format', 'json'], 'use --out <file>, or --format ndjson'],
      [['--format', 'json', '--columns', 'key'], '--columns is for a table'],
      [['--format', 'csv', '--columns', 'key,vlaue'], 'Did you mean value?'],
      [['--format', 'csv', '--columns', 'key,value', '--keys-only'], '--keys-only leaves out'],
    ] as const) {
      const { code, stdout, stderr } = await runTool('kv-dump', [memcached.address, ...args]);
      expect(stderr, args.join(' ')).to.contain(said);
      expect([code, stdout.length]).to.deep.equal([64, 0]);
    }
    const login = await runTool('kv-dump', ['memcached://ann:secret@127.0.0.1:1']);
    expect([login.code, login.stderr.includes('secret')]).to.deep.equal([64, false]);
    const source = await runTool('kv-load', [cairn.address, `memcached://${memcached.address}`]);
    expect([source.code, source.stderr]).to.satisfy(
      ([code, text]: [number, string]) => code === 64 && text.includes('kv-dump memcached://'),
    );
  });

  it('leaves no file when the server goes away, and kv-load refuses the cut stream', async () => {
    let asked = 0;
    const server = await startScripted((line) => {
      if (line === 'mn') return 'MN\r\n';
      if (line.startsWith('lru_crawler')) {
        const rows = Array.from({ length: 600 }, (_, at) => `key=k${at} exp=-1 size=60\r\n`);
        return `${rows.join('')}END\r\n`;
      }
      if (line.startsWith('mg kv-dump-')) return 'EN\r\n';
      asked += 1;
      return asked > 400 ? undefined : `VA 1 f0 t-1 c1 ${line.split(' ').at(-1)}\r\nx\r\n`;
    });
    try {
      const out = join(root, 'cut.json');
      const place = `127.0.0.1:${server.port}`;
      const cut = await runTool('kv-dump', [place, '--out', out]);
      expect([cut.code, existsSync(out)], cut.stderr).to.deep.equal([69, false]);
      expect(readdirSync(root).filter((name) => name.startsWith('cut'))).to.deep.equal([]);
      asked = 0;
      const streamed = await runTool('kv-dump', [place]);
      expect(streamed.code).to.equal(69);
      const { code, stderr } = await runTool(
        'kv-load',
        [join(root, 'cut'), '-', '--create'],
        streamed.stdout,
      );
      expect([code, stderr]).to.satisfy(([ended]: [number, string]) => ended === 65);
    } finally {
      await server.close();
    }
  });

  it('kv-load loads a table whole or not at all, and may load it again', async () => {
    const table = join(root, 'table.csv');
    writeFileSync(table, 'id,body,note\na,"x,\n""y""",1\nb,2,2\n');
    const into = join(root, 'tables');
    const args = [into, table, '--create', '--columns', 'key=id,value=body'];
    const unnamed = await runTool('kv-load', args.slice(0, 3));
    expect([unnamed.code, existsSync(into)]).to.deep.equal([65, false]);
    expect(unnamed.stderr).to.contain('Line 1').and.contain('"id"').and.contain('--columns');
    for (const _ of [1, 2])
      expect((await runTool('kv-load', args)).stderr).to.contain('2 keys loaded');
    const { stdout } = await runTool('kv-dump', [
      into,
      '--format',
      'csv',
      '--columns',
      'key,value',
    ]);
    expect(stdout.toString()).to.contain('a,"x,\n""y"""\n').and.contain('b,2\n');
    writeFileSync(table, 'key,value,flags\nc,1,0\nd,2,many\n');
    const { code, stderr } = await runTool('kv-load', [into, table]);
    expect([code, stderr.split('\n')[0]]).to.satisfy(
      ([ended, text]: [number, string]) => ended === 65 && text.includes('Line 3, column "flags"'),
    );
    expect(
      (await runTool('kv-dump', [into, '--prefix', 'c', '--format', 'csv'])).stdout.toString(),
    ).to.equal('key,keyEncoding,value,encoding,flags,expiresAt,cas\n');
  });
}).timeout(120_000);
