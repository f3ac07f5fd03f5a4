// Tables: the readers read what composeTable() writes, whatever the bytes, and name headers and rows that do not fit.

import { expect } from 'chai';
import * as fc from 'fast-check';

import type { SnapshotEntry } from '../../../../src/store/snapshot-file/entry-fields.js';
import type { LargeValue } from '../../../../src/store/store.js';
import { allColumns } from '../../../../tools/dump/dump-form.js';
import { composeTable, type TableForm } from '../../../../tools/dump/table-text.js';
import { CsvReader } from '../../../../tools/load/csv-reader.js';
import { ObjectReader } from '../../../../tools/load/object-reader.js';
import { parseColumns, type Column } from '../../../../tools/table/columns.js';
import { seeded } from '../../../support/seed.js';

const ALL = allColumns(false);

async function* each<T>(things: Iterable<T>): AsyncGenerator<T> {
  yield* things;
}

async function written(
  form: TableForm,
  columns: readonly Column[],
  entries: readonly SnapshotEntry[],
): Promise<Buffer> {
  const chunks = [];
  for await (const chunk of composeTable(form, columns, each(entries))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Reads a table that comes in chunks of `pieceBytes`. */
async function readBack(
  form: TableForm,
  columns: readonly Column[] | undefined,
  text: Buffer | string,
  pieceBytes = 7,
): Promise<SnapshotEntry[]> {
  const bytes = Buffer.from(text as string);
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, at) =>
    bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes),
  );
  const reader =
    form === 'csv' ? new CsvReader('t', columns) : new ObjectReader('t', columns ?? ALL);
  const entries = [];
  for await (const entry of reader.entries(each(pieces))) entries.push(entry);
  return entries;
}

/** Returns the message of the refusal, with its code. */
async function refusal(
  form: TableForm,
  columns: readonly Column[] | undefined,
  text: Buffer | string,
): Promise<string> {
  const outcome = await readBack(form, columns, text, 1000).catch((error: unknown) => error);
  expect(outcome).to.be.instanceOf(Error);
  const { code, message } = outcome as Error & { code: string };
  return `${code} ${message}`;
}

async function* broken(): AsyncGenerator<Buffer> {
  yield Buffer.from('key,value\na,1\n');
  throw new Error('gone');
}

/** Gives bytes, and texts with characters that are special in CSV. */
const bytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map((array) => Buffer.from(array)),
  fc
    .string({
      unit: fc.constantFrom('a', ',', '"', '\n', '\r', ' ', ';', '\ufeff', 'ä', '😀', '\0'),
      minLength: 1,
    })
    .map((text) => Buffer.from(text)),
);
const entry: fc.Arbitrary<SnapshotEntry> = fc.record({
  key: bytes,
  value: fc.oneof(fc.constant(Buffer.alloc(0)), bytes),
  flags: fc.nat(0xffff_ffff),
  expiresAt: fc.oneof(fc.constant(0), fc.integer({ min: 2 ** 37, max: Number.MAX_SAFE_INTEGER })),
  cas: fc.bigInt(0n, 2n ** 64n - 1n),
});

describe('composeTable() and its readers', () => {
  for (const form of ['csv', 'ndjson'] as const) {
    it(`give back every field of every entry in ${form}, whatever the bytes`, async () => {
      const property = fc.asyncProperty(
        fc.array(entry, { maxLength: 8 }),
        fc.integer({ min: 1, max: 50 }),
        async (entries, pieceBytes) => {
          const text = await written(form, ALL, entries);
          const wanted = form === 'csv' ? undefined : ALL;
          expect(await readBack(form, wanted, text, pieceBytes)).to.deep.equal(entries);
        },
      );
      await fc.assert(property, seeded(`${form} round trip`, 500));
    });

    it(`take other names for some of the fields in ${form}`, async () => {
      const columns = parseColumns('value=a body,key=id');
      const two = { flags: 0, expiresAt: 0, cas: 0n };
      const entries = [
        { ...two, key: Buffer.from('x'), value: Buffer.from('a, "b"\r\n') },
        { ...two, key: Buffer.from('y'), value: Buffer.alloc(0) },
      ];
      const text = await written(form, columns, entries);
      expect(text.toString()).to.equal(
        form === 'csv'
          ? 'a body,id\n"a, ""b""\r\n",x\n"",y\n'
          : '{"a body":"a, \\"b\\"\\r\\n","id":"x"}\n{"a body":"","id":"y"}\n',
      );
      expect(await readBack(form, columns, text)).to.deep.equal(entries);
    });
  }

  it('refuse bytes that are no text without an encoding column, and control characters in CSV', async () => {
    const head = { key: Buffer.from('k'), flags: 0, expiresAt: 0, cas: 0n };
    const columns = parseColumns('key,value');
    for (const [form, value, refused] of [
      ['csv', '\x1b[2J', true],
      ['csv', 'a\rb', true],
      ['csv', 'tab\tline\n', false],
      ['ndjson', '\x1b[2J', false],
    ] as const) {
      const text = written(form, columns, [{ ...head, value: Buffer.from(value) }]);
      const outcome = await text.catch((error: unknown) => error);
      if (refused) expect(outcome).to.include({ exitCode: 64 });
      else expect(Buffer.isBuffer(outcome)).to.equal(true);
    }
    const broken = written('ndjson', columns, [{ ...head, value: Buffer.from([0xff]) }]);
    const error: unknown = await broken.catch((failure: unknown) => failure);
    expect((error as Error).message)
      .to.contain('"k"')
      .and.contain('--columns needs encoding');
  });

  it('read a large value whole and release it, and refuse one that no row can hold', async () => {
    const head = { key: Buffer.from('k'), flags: 0, expiresAt: 0, cas: 0n };
    const released: number[] = [];
    const large = (size: number): LargeValue => ({
      bytes: size,
      read: (target, position) => {
        const count = Math.min(1000, size - position);
        target.fill('z', 0, count);
        return Promise.resolve(count);
      },
      release: () => released.push(size),
    });
    const chunks = [];
    for await (const chunk of composeTable(
      'csv',
      parseColumns('key,value'),
      each([{ ...head, value: large(2500) }]),
    ))
      chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).to.equal(`key,value\nk,${'z'.repeat(2500)}\n`);
    const rows = composeTable('csv', ALL, each([{ ...head, value: large(2 ** 28) }]));
    const failure: unknown = await rows.next().catch((error: unknown) => error);
    expect((failure as Error).message)
      .to.contain('256 MiB')
      .and.contain('--format json');
    expect(released).to.deep.equal([2500, 2 ** 28]);
  });
});

describe('CsvReader', () => {
  it('reads a table that people wrote', async () => {
    const text =
      '\ufeffvalue,"key",expiresAt,flags\r\n1,a,2030-01-01T00:00:00Z,\r\n\r\n"x\r\ny",b,,7\r\n"",c,1893456000001,0';
    const entries = await readBack('csv', undefined, text, 3);
    expect(
      entries.map(({ key, value, expiresAt, flags }) => [
        key.toString(),
        value.toString(),
        expiresAt,
        flags,
      ]),
    ).to.deep.equal([
      ['a', '1', 1_893_456_000_000, 0],
      ['b', 'x\r\ny', 0, 7],
      ['c', '', 1_893_456_000_001, 0],
    ]);
  });

  it('names the line and the column of a value that does not fit', async () => {
    const own = parseColumns('key=id,value=body,flags=n');
    for (const [columns, text, said] of [
      [undefined, 'key,value,more\n', 'Line 1: The column "more" is none of'],
      [undefined, 'key,flags\n', 'Line 1: No column is the value (there are "key", "flags")'],
      [undefined, 'key,value,key\n', 'Line 1: There are two columns "key"'],
      [own, 'id,other,n\n', 'Line 1: There is no column "body" among "id", "other", "n"'],
      [parseColumns('key'), 'key,value\n', 'Line 1: No column is the value'],
      [undefined, 'key,value\na,1\n,2\n', 'Line 3, column "key": its key has an impossible length'],
      [undefined, 'key,value,flags\na,"1\n2",0\nb,2,x\n', 'Line 4, column "flags": flags is not'],
      [
        own,
        'n,id,body\n-1,a,1\n',
        'Line 2, column "n": flags is not a whole number from 0 to 4294967295',
      ],
      [undefined, 'key,value,expiresAt\na,1,soon\n', 'Line 2, column "expiresAt": an expiry is'],
      [undefined, 'key,value,expiresAt\na,1,1900000000\n', 'a Unix time in seconds'],
      [undefined, 'key,value,expiresAt\na,1,2030-01-01T00:00:00\n', 'Line 2, column "expiresAt"'],
      [undefined, 'key,value,expiresAt\na,1,2030-02-29T00:00Z\n', 'Line 2, column "expiresAt"'],
      [undefined, 'key,value,cas\na,1,99999999999999999999\n', 'Line 2, column "cas"'],
      [undefined, 'key,value,encoding\na,?,base64\n', 'Line 2, column "value": its value is not b'],
      [undefined, 'key,value,encoding\na,b,rot13\n', 'unknown encoding'],
      [undefined, 'key,value\na,1\nb\n', 'Line 3: Invalid Record Length'],
      [undefined, 'key,value\na,"1\n', 'Line 2: Quote Not Closed'],
      [undefined, 'key,value\na,b"c\n', 'Line 2: A quote stands inside a field'],
      [
        undefined,
        Buffer.from('key,value\na,\xff\n', 'latin1'),
        'Line 2, column "value": it is not valid UTF-8',
      ],
    ] as const) {
      expect(await refusal('csv', columns, text))
        .to.contain(said)
        .and.contain('KV_CORRUPTION');
    }
  });

  it('does not take a failure of its source for the end', async () => {
    const rows = new CsvReader('t', undefined).entries(broken());
    const outcome: unknown = await (async () => {
      for await (const _ of rows);
    })().catch((error: unknown) => error);
    expect((outcome as Error).message).to.equal('gone');
  });
});

describe('ObjectReader', () => {
  const columns = parseColumns('key=id,value=body');

  it('takes the named columns, and the JSON of a value that is no text', async () => {
    const text = '\ufeff{"id":1,"body":{"a":[1]},"more":0}\r\n\n{"body":"t","id":"x"}';
    const entries = await readBack('ndjson', columns, text);
    expect(entries.map(({ key, value }) => [key.toString(), value.toString()])).to.deep.equal([
      ['1', '{"a":[1]}'],
      ['x', 't'],
    ]);
  });

  it('names the line and the column of a value that does not fit', async () => {
    for (const [text, said] of [
      ['{"id":"a"}', 'Line 1, column "body": its value is missing'],
      ['{"id":"a","body":null}', 'Line 1, column "body": its value is missing'],
      ['{"id":"a","body":1}\n{"body":1}', 'Line 2, column "id": its key is not a string'],
      ['{"id":"a","body":1}\nnonsense', 'Line 2: it is not JSON'],
      ['7', 'Line 1: it is not a JSON object'],
      ['{"id":1234567890123456789,"body":1}', 'Line 1, column "id": a number over 2^53'],
      ['{"id":1,"body":{"a":[-1e20]}}', 'Line 1, column "body": a number over 2^53'],
      ['{"id":1,"body":1e999}', 'Line 1, column "body": a number over 2^53'],
      [Buffer.from('{"id":"\xff","body":1}', 'latin1'), 'Line 1: it is not valid UTF-8'],
      ['{"id":"\\ud800","body":1}', 'Line 1, column "id": its key has half a surrogate pair'],
    ] as const) {
      expect(await refusal('ndjson', columns, text))
        .to.contain(said)
        .and.contain('KV_CORRUPTION');
    }
    expect(await refusal('ndjson', parseColumns('key'), '{}')).to.contain('No column is the value');
  });
});

describe('parseColumns()', () => {
  it('reads fields and their names, in order', () => {
    expect(parseColumns('value, key=the id')).to.deep.equal([
      { field: 'value', name: 'value' },
      { field: 'key', name: 'the id' },
    ]);
  });

  it('refuses a word that is no field, and a repeated field or name', () => {
    expect(() => parseColumns('key,vlaue')).to.throw('Did you mean value?');
    expect(() => parseColumns('')).to.throw('Fields are key');
    expect(() => parseColumns('key,key=a')).to.throw('key is named twice');
    expect(() => parseColumns('key=a,value=a')).to.throw('a is named twice');
  });
});
