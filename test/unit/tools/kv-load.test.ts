// kv-load: the target that it loads into, and the files that people give it as a dump. It names the line of whatever
// it refuses, and counts the keys that it loaded before.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { expect } from 'chai';

import { EXIT } from '../../../src/exit-codes.js';
import { ServerProcess } from '../../../tools/torture/server-process.js';
import { cairnLaunch, temporaryFolder } from '../../support/servers.js';
import { runTool, type ToolRun } from '../../support/tool-run.js';
import { removeFolder } from '../../support/remove-folder.js';

const FULL_NDJSON =
  '{"key":"a","value":"1","encoding":"utf8","flags":0,"expiresAt":null,"cas":1}\n' +
  '{"key":"b","value":"2","encoding":"utf8","flags":0,"expiresAt":null,"cas":2}\n';

async function keysIn(dir: string): Promise<string[]> {
  const { stdout } = await runTool('kv-dump', [dir, '--format', 'ndjson', '--keys-only']);
  const lines = stdout.toString().trimEnd().split('\n').slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { key: string }).key).sort();
}

function line(key: string, value: string): string {
  return `${JSON.stringify({ key, value })}\n`;
}

describe('kv-load', () => {
  let root = '';
  let store = '';
  /** The same two keys in each form, as kv-dump writes them. */
  let json = '';
  let ndjson = '';

  before(async () => {
    root = temporaryFolder();
    store = join(root, 'store');
    await load(store, FULL_NDJSON, '--create', '--partial');
    json = (await runTool('kv-dump', [store])).stdout.toString();
    ndjson = (await runTool('kv-dump', [store, '--format', 'ndjson'])).stdout.toString();
  });
  after(() => removeFolder(root));

  function load(target: string, dump: string | Buffer, ...more: string[]): Promise<ToolRun> {
    const file = join(root, 'input');
    writeFileSync(file, dump);
    return runTool('kv-load', [target, file, ...more]);
  }

  it('makes no directory and no store without --create @long', async () => {
    const empty = join(root, 'empty');
    mkdirSync(empty);
    for (const target of [join(root, 'none'), join(root, 'a/b'), empty, 'no-such-place-xyz']) {
      const { code, stderr } = await load(target, json);
      expect([code, stderr], target).to.satisfy(
        ([ended, text]: [number, string]) => ended === 66 && text.includes('--create'),
      );
    }
    expect(readdirSync(empty)).to.deep.equal([]);
    expect(existsSync('no-such-place-xyz') || existsSync(join(root, 'none'))).to.equal(false);
    expect((await load(empty, json, '--create')).code).to.equal(0);
    expect((await load(join(root, 'a/b'), json, '--create')).code).to.equal(0);
    expect(await keysIn(join(root, 'a/b'))).to.deep.equal(['a', 'b']);
    expect((await load(join(root, 'a/b'), json)).stderr).to.contain('2 keys loaded');
  });

  it('takes a host without a port as a host, and creates nothing', async () => {
    const before = readdirSync('.');
    for (const host of ['localhost', '127.0.0.1', '::1', '[::1]']) {
      const port = process.env['CAIRN_PORT'];
      process.env['CAIRN_PORT'] = '1';
      try {
        const { code, stderr } = await load(host, json);
        expect(code, stderr).to.equal(69);
        expect(stderr).to.contain('No server at').and.contain(':1');
      } finally {
        if (port === undefined) delete process.env['CAIRN_PORT'];
        else process.env['CAIRN_PORT'] = port;
      }
    }
    expect(readdirSync('.')).to.deep.equal(before);
  });

  it('names a dead server, a locked directory and swapped arguments before it reads the dump @long', async () => {
    expect((await load('127.0.0.1:1', 'damaged')).code).to.equal(69);
    expect((await load(join(root, 'input'), json)).code).to.equal(64);
    const data = join(root, 'locked');
    const server = await ServerProcess.start(cairnLaunch(data));
    try {
      const { code, stderr } = await load(data, 'damaged');
      expect(code).to.equal(75);
      expect(stderr).to.contain('load through its port');
    } finally {
      await server.kill();
    }
  });

  it('reads changed dumps: a byte order mark, CR LF, gzip, both forms @long', async () => {
    const mark = '\ufeff';
    const read: readonly (readonly [string, string | Buffer, ...string[]])[] = [
      ['json with a mark', mark + json],
      ['ndjson with a mark', mark + ndjson],
      ['json in gzip', gzipSync(json)],
      ['ndjson in gzip', gzipSync(ndjson)],
      ['lines by hand', '{"key":"a","value":"1"}\r\n{"key":"b","value":"2"}', '--partial'],
      ['some lines', `${FULL_NDJSON}${ndjson.split('\n')[2]}\n`, '--partial'],
      ['two dumps', ndjson + ndjson, '--partial'],
    ];
    for (const [at, [name, dump, ...more]] of read.entries()) {
      const dir = join(root, `read-${at}`);
      const { code, stderr } = await load(dir, dump, '--create', ...more);
      expect(code, `${name}: ${stderr}`).to.equal(0);
      expect(await keysIn(dir), name).to.deep.equal(['a', 'b']);
    }
  });

  it('names every other form, and says what to do @long', async () => {
    const pretty = JSON.stringify(JSON.parse(json), undefined, 2);
    const named: readonly (readonly [string | Buffer, RegExp])[] = [
      ['', /nothing in it/],
      [pretty, /pretty-printed.*jq/],
      [JSON.stringify(JSON.parse(json)), /one line.*jq/],
      ['[{"key":"a","value":"1"}]', /array.*jq/],
      [Buffer.from(`\ufeff${json}`, 'utf16le'), /UTF-16.*iconv/],
      [Buffer.from(json, 'utf16le'), /UTF-16LE.*iconv/],
      [Buffer.from('key,value\na,1\n', 'utf16le').swap16(), /UTF-16BE.*iconv/],
      [Buffer.from('\xff\xfe\0\0k\0\0\0', 'latin1'), /UTF-32.*iconv/],
      [gzipSync(gzipSync(json)), /gzipped twice/],
      [`${'backup.json'.padEnd(257, '\0')}ustar\0`, /tar archive/],
      [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]), /zstd/],
      [Buffer.from('BZh91AY'), /bzip2/],
      [gzipSync(json).subarray(0, -12), /gzip file is damaged or cut/],
      ['add a 0 0 1\r\n1\r\n', /memcached-tool/],
      [Buffer.from('\0\0\0\0\x01\x02'), /binary file/],
      ['REDIS0011', /Redis/],
      ['*2\r\n$6\r\nSELECT\r\n', /Redis/],
      ['<!DOCTYPE html>', /HTML/],
      ['id,body\na,1\n', /column "id".*--columns/],
      ['hello, world\n', /column "hello"/],
      ['id;body\na;1\n', /semicolons.*commas/],
      ['"id"\tbody\na\t1\n', /tabs.*commas/],
      ['nonsense\n', /Line 1 \(nonsense\): it is not JSON/],
    ];
    for (const [at, [dump, pattern]] of named.entries()) {
      const dir = join(root, `named-${at}`);
      const { code, stderr } = await load(dir, dump, '--create');
      expect(stderr).to.match(pattern);
      expect([code, existsSync(dir)], stderr).to.deep.equal([65, false]);
    }
  });

  it('refuses a field by hand that an entry does not have, a directory, and columns of a JSON dump', async () => {
    const dir = join(root, 'strange');
    const line = '{"key":"a","value":"1","ttl":60}\n';
    const cases: readonly (readonly [ToolRun, number, string])[] = [
      [await load(dir, line, '--create', '--partial'), EXIT.damage, 'it has a field "ttl"'],
      [await runTool('kv-load', [dir, root, '--create']), EXIT.usage, 'kv-dump <dir> | kv-load'],
      [await load(dir, json, '--create', '--columns', 'key,value'), EXIT.damage, 'JSON dump'],
    ];
    for (const [{ code, stderr }, expected, message] of cases) {
      expect(stderr).to.contain(message);
      expect([code, existsSync(dir)]).to.deep.equal([expected, false]);
    }
  });

  it('refuses a line that is not valid Unicode, and so changes no byte @long', async () => {
    const first = '{"key":"a","value":"1"}\n';
    const spoiled: readonly (readonly [Buffer, RegExp])[] = [
      [Buffer.from(`${first}{"key":"k\xff","value":"1"}\n`, 'latin1'), /Line 2 .*not valid UTF-8/],
      [Buffer.from(`${first}{"key":"k","value":"\xc3"}\n`, 'latin1'), /Line 2 .*not valid UTF-8/],
      [Buffer.from(`${first}{"key":"k\\ud800","value":"1"}\n`), /Line 2 .*key has half a surr/],
      [Buffer.from(`${first}{"key":"k","value":"\\udc00x"}\n`), /Line 2 .*value has half a surr/],
    ];
    for (const [dump, pattern] of spoiled) {
      const { code, stderr } = await load(join(root, 'spoiled'), dump, '--create', '--partial');
      expect(stderr).to.match(pattern);
      expect(code).to.equal(65);
    }
    const pair = '{"key":"k\\ud83d\\ude00","value":"1"}\n';
    const dir = join(root, 'pair');
    expect((await load(dir, pair, '--create', '--partial')).code).to.equal(0);
    expect(await keysIn(dir)).to.deep.equal(['k😀']);
  });

  it('refuses a dump that was cut anywhere, in both forms @long', async () => {
    for (const dump of [json, ndjson]) {
      const lines = dump.split('\n');
      const cuts = [lines.slice(0, -2).join('\n'), `${lines.slice(0, 1).join('\n')}\n`];
      cuts.push(dump.slice(0, Math.floor(dump.length / 2)));
      for (const cut of cuts) {
        const { code, stderr } = await load(join(root, 'half'), cut, '--create');
        expect(code, `${cut}: ${stderr}`).to.equal(65);
      }
    }
    const fewer = ndjson.split('\n').slice(1).join('\n');
    const { stderr } = await load(join(root, 'half'), fewer, '--create');
    expect(stderr).to.contain('there are 1 entries, not 2');
    const other = await load(join(root, 'half'), ndjson.replace('"1"', '"7"'), '--create');
    expect(other.stderr).to.contain('checksum');
    expect(existsSync(join(root, 'half'))).to.equal(false);
  });

  it('says how many keys were loaded from a stdin that fails, and loading again completes them @long', async () => {
    const dir = join(root, 'piped');
    const dump = `${ndjson.split('\n')[0]}\nnonsense\n`;
    const { code, stderr } = await runTool('kv-load', [dir, '-', '--create'], dump);
    expect(code).to.equal(65);
    expect(stderr)
      .to.match(/Line 2 \(nonsense\)/)
      .and.contain('1 key was loaded before that');
    expect(stderr).to.contain('again is safe');
    expect((await runTool('kv-load', [dir, '-'], ndjson)).code).to.equal(0);
    expect(await keysIn(dir)).to.deep.equal(['a', 'b']);
  });

  it('names the key and the line that a server refused @long', async () => {
    const server = await ServerProcess.start(
      cairnLaunch(join(root, 'refusing'), ['-I', '1m', '--max-key-bytes', '260']),
    );
    const port = String(server.port);
    try {
      const spaced = `k ${'x'.repeat(188)}`;
      const fits = await load(port, line(spaced, '1') + line('b', '2'), '--partial');
      expect([fits.code, fits.stderr]).to.satisfy(
        ([code, text]: [number, string]) => code === 0 && text.startsWith('2 keys loaded'),
      );
      const large = line('a', '1') + line('big', 'x'.repeat(1_100_000)) + line('c', '3');
      const refused = await load(port, large, '--partial');
      expect(refused.code).to.equal(74);
      expect(refused.stderr).to.match(/Line 2: .*"big".*1,100,000 bytes.*too large/);
      expect(refused.stderr).to.contain('1 key was loaded before that');
      const long = line('a', '1') + line('b', '2') + line(`k ${'x'.repeat(220)}`, 'flush_all');
      const tooLong = await load(port, long, '--partial');
      expect(tooLong.code).to.equal(74);
      expect(tooLong.stderr).to.match(/Line 3: .*222 bytes, 296 in base64.*--max-key-bytes 296/);
      expect(tooLong.stderr).to.contain('2 keys were loaded before that');
    } finally {
      await server.kill();
    }
  });
}).timeout(120_000);

describe('kv-client, kv-load: a host without a port', () => {
  it('kv-client asks it at the usual port, and takes no mistyped command for a host @long', async () => {
    const port = process.env['CAIRN_PORT'];
    process.env['CAIRN_PORT'] = '1';
    try {
      for (const args of [
        ['localhost', 'get', 'a'],
        ['127.0.0.1', 'version'],
        ['::1', 'tcp', 'get', 'a'],
        ['localhost'],
      ]) {
        const { code, stderr } = await runTool('kv-client', args);
        expect(code, stderr).to.equal(69);
        expect(stderr).to.contain(':1:');
      }
      for (const args of [['gte', 'a'], ['sett', 'a', 'b'], ['stat']])
        expect((await runTool('kv-client', args)).code, args.join(' ')).to.equal(64);
    } finally {
      if (port === undefined) delete process.env['CAIRN_PORT'];
      else process.env['CAIRN_PORT'] = port;
    }
  });
}).timeout(60_000);
