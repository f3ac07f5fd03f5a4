import { readFile } from 'node:fs/promises';

import { expect } from 'chai';
import * as fc from 'fast-check';

import { isKvError } from '../../../../src/errors.js';
import { SnapshotComposer, type EntryHead } from '../../../../src/store/snapshot-file/format.js';
import type { SnapshotEntry } from '../../../../src/store/snapshot-file/entry-fields.js';
import { SnapshotParser } from '../../../../src/store/snapshot-file/parser.js';
import { composeSnapshot, type SnapshotItem } from '../../../../src/store/snapshot-file/writer.js';
import type { LargeValue } from '../../../../src/store/store.js';

function entry(key: string, value: string, more: Partial<EntryHead> = {}): SnapshotEntry {
  const head = { flags: 0, expiresAt: 0, cas: 1n, ...more };
  return { key: Buffer.from(key, 'latin1'), value: Buffer.from(value, 'latin1'), ...head };
}

async function compose(
  form: 'json' | 'ndjson',
  items: readonly SnapshotItem[],
  count: number | undefined = items.length,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const header = { seq: 9, createdAt: 1_700_000_000_000, count };
  for await (const chunk of composeSnapshot(new SnapshotComposer(form), header, items)) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(text: Buffer, splitAt: readonly number[] = []): SnapshotEntry[] {
  const parser = new SnapshotParser('x.json');
  const entries: SnapshotEntry[] = [];
  let from = 0;
  for (const at of [...splitAt, text.length]) {
    entries.push(...parser.push(Buffer.from(text.subarray(from, at))));
    from = at;
  }
  entries.push(...parser.end());
  return entries;
}

function failure(text: Buffer | string): string {
  try {
    parse(Buffer.from(text));
  } catch (error: unknown) {
    if (isKvError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'none';
}

/** A large value as the store gives it out; it counts how often it was released. */
class Pieces implements LargeValue {
  readonly bytes: number;
  readonly #content: Buffer;
  released = 0;

  constructor(content: Buffer) {
    this.#content = content;
    this.bytes = content.length;
  }

  read(target: Buffer, position: number): Promise<number> {
    // Short reads are allowed, and base64 must not depend on their ends.
    const count = Math.min(target.length, 100_000, this.bytes - position);
    return Promise.resolve(this.#content.copy(target, 0, position, position + count));
  }

  release(): void {
    this.released += 1;
  }
}

const EXAMPLE: readonly SnapshotEntry[] = [
  entry('a', 'x'),
  entry('\xff\x00', '\x80', { flags: 0xffff_ffff, expiresAt: 1_700_000_000_123, cas: 2n ** 53n }),
  entry('quote"\\', 'line\nend', { cas: 2n ** 64n - 1n }),
];

describe('SnapshotComposer', () => {
  it('composes ordinary JSON with the number of entries, and one entry per line', async () => {
    const text = (await compose('json', EXAMPLE)).toString();
    const parsed = JSON.parse(text) as { count: number; entries: unknown[] };
    expect(parsed.count).to.equal(3);
    expect(text.split('\n').length).to.equal(1 + 3 + 1 + 1);
    expect(parsed.entries[1]).to.deep.equal({
      key: '/wA=',
      keyEncoding: 'base64',
      value: 'gA==',
      encoding: 'base64',
      flags: 0xffff_ffff,
      expiresAt: 1_700_000_000_123,
      cas: '9007199254740992',
    });
    expect(JSON.parse((await compose('json', [])).toString())).to.deep.include({ count: 0 });
  });

  it('composes the text that docs/format.md shows', async () => {
    const text = (await compose('json', [entry('greeting', 'hello', { flags: 5 })])).toString();
    const document = await readFile(
      new URL('../../../../../docs/format.md', import.meta.url),
      'utf8',
    );
    for (const line of text.trimEnd().split('\n')) expect(document).to.contain(line);
  });
});

describe('SnapshotParser', () => {
  it('gives back the composed entries, for any bytes, in both forms, however the text is cut', async () => {
    const head = fc.record({
      key: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      value: fc
        .oneof(fc.uint8Array({ maxLength: 200 }), fc.string({ unit: 'binary' }))
        .map((bytes) => Buffer.from(bytes)),
      flags: fc.nat(0xffff_ffff),
      expiresAt: fc.oneof(fc.constant(0), fc.nat(2 ** 45)),
      cas: fc.bigInt(0n, 2n ** 64n - 1n),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(head, { maxLength: 8 }),
        fc.constantFrom('json' as const, 'ndjson' as const),
        fc.array(fc.nat(4000), { maxLength: 6 }),
        async (entries, form, cuts) => {
          const text = await compose(form, entries);
          const splitAt = cuts.filter((at) => at < text.length).sort((a, b) => a - b);
          expect(parse(text, splitAt)).to.deep.equal(entries);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('refuses a file with any changed byte, and a file that was cut', async () => {
    const text = await compose('json', EXAMPLE);
    for (let at = 0; at < text.length - 1; at += 1) {
      expect(failure(text.subarray(0, at)), `cut at ${at}`).to.match(at === 0 ? /none/ : /^KV_/);
      const damaged = Buffer.from(text);
      damaged[at]! ^= 0x04;
      expect(failure(damaged), `byte ${at}`).to.match(/^KV_/);
    }
  });

  it('refuses a text that is no snapshot, and names the offset of the line', () => {
    expect(failure('{"key":"a","value":"x"}\nnonsense\n')).to.contain('not JSON (x.json@24)');
    expect(failure('{"format":"other","entries":[\n')).to.contain('no snapshot of Cairn');
    expect(failure('{"format":"cairn-snapshot","version":7,"entries":[\n')).to.match(
      /^KV_FORMAT_VERSION .*version 7/,
    );
    expect(failure('{"key":"a"}\n')).to.contain('list of keys');
    expect(failure('{"key":"a","value":"*","encoding":"base64"}\n')).to.contain('not base64');
    expect(failure('{"key":"","value":""}\n')).to.contain('length');
    expect(failure('{"key":"a","value":"","flags":-1}\n')).to.contain('flags');
    expect(failure('{"key":"a","value":"","cas":"1x"}\n')).to.contain('cas');
  });

  it('takes an ndjson line with only key and value, and without a line end', () => {
    const [found] = parse(Buffer.from('\n{ "key": "a", "value": "\\u00fc" }'));
    expect(found).to.deep.equal({ ...entry('a', ''), cas: 0n, value: Buffer.from('ü') });
  });
});

describe('composeSnapshot()', () => {
  it('streams a large value as base64, reads it in pieces of any length, and releases it', async () => {
    const content = Buffer.alloc(20 * 1024 * 1024 + 1, 'Ab9');
    const value = new Pieces(content);
    const text = await compose('json', [{ ...entry('big', ''), value }, entry('z', 'y')]);
    expect(value.released).to.equal(1);
    const [big, small] = parse(text, [1_000_000, 1_000_001, 25_000_000]);
    expect(big?.value.equals(content)).to.equal(true);
    expect(small).to.deep.equal(entry('z', 'y'));
    const broken = Buffer.from(text);
    broken[9_000_000] = 0x2a;
    expect(failure(broken)).to.contain('not base64');
  });
});
