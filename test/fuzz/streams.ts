// The streams of the fuzz test: bytes without any meaning, and well-formed sessions of the three protocols that were spoilt,
// because pure noise seldom gets past the first word.

import * as fc from 'fast-check';
import { arithmeticExtras, packet, setExtras } from '../support/binary-packets.js';

const text = (lines: string): Buffer => Buffer.from(lines, 'latin1');

/** Sessions whose replies are the same in every run. */
export const WELL_FORMED: readonly Buffer[] = [
  text('set fs 5 0 4\r\na\r\nb\r\nget fs no fs\r\ndelete fs\r\nincr fs 1\r\nbogus\r\nversion\r\n'),
  text(
    'ms fm 3 F7 T60 k Oab\r\nxyz\r\nmg fm v f s k q\r\nmg ZnM= b k\r\nmd fm q\r\nma fm N0 J5 v\r\nmd fm\r\nmn\r\n',
  ),
  Buffer.concat([
    packet(0x11, { key: 'fb', value: '10', extras: setExtras(3, 0) }),
    packet(0x0d, { key: 'none' }),
    packet(0x04, { key: 'fb' }),
    packet(0x99, { key: 'k', value: 'body' }),
    packet(0x0a, { opaque: 7 }),
  ]),
];

const SEEDS: readonly Buffer[] = [
  ...WELL_FORMED,
  text(
    'cas k 0 0 1 5\r\nx\r\nappend k 0 0 2\r\nyz\r\ngats 10 k k2\r\ntouch k 9 noreply\r\nflush_all 900\r\n',
  ),
  text(
    'stats\r\nstats items\r\nlru_crawler metadump all\r\nmgdump\r\nkeys f 3\r\nwatch mutations\r\nquit\r\n',
  ),
  text('set big 0 0 2147483645\r\nshort'),
  text('set big 0 0 3000000\r\nshort'),
  text(`get ${'k '.repeat(1000)}\r\nmg ${'k'.repeat(251)} v\r\nms k S9 b\r\n`),
  packet(0x01, { key: 'big', extras: setExtras(0, 0), bodyBytes: 0x7fffffff }),
  packet(0x01, { key: 'big', extras: setExtras(0, 0), bodyBytes: 0x00300000 }),
  packet(0x99, { bodyBytes: 0xffffffff }),
  Buffer.concat([
    packet(0x05, { key: 'n', extras: arithmeticExtras(1n, 10n, 0) }),
    packet(0x10, { key: 'settings' }),
    packet(0x1c, { key: 'n', extras: Buffer.alloc(4) }),
    packet(0x21, { key: 'PLAIN', value: '\0u\0p' }),
    packet(0x07),
  ]),
];

const byte = fc.oneof(
  fc.integer({ min: 0, max: 255 }),
  fc.constantFrom(0x00, 0x0a, 0x0d, 0x20, 0x30, 0x39, 0x80, 0xff),
);

/** One place at which a stream is spoilt. */
const change = fc.record({
  how: fc.constantFrom('replace', 'insert', 'remove', 'repeat', 'cut'),
  at: fc.nat(5000),
  bytes: fc.array(byte, { minLength: 1, maxLength: 6 }),
});

function spoil(
  stream: Buffer,
  { how, at, bytes }: { how: string; at: number; bytes: number[] },
): Buffer {
  const place = stream.length === 0 ? 0 : at % stream.length;
  const [head, tail] = [stream.subarray(0, place), stream.subarray(place)];
  switch (how) {
    case 'replace':
      return Buffer.concat([head, Buffer.from(bytes), tail.subarray(bytes.length)]);
    case 'insert':
      return Buffer.concat([head, Buffer.from(bytes), tail]);
    case 'remove':
      return Buffer.concat([head, tail.subarray(bytes.length)]);
    case 'repeat':
      return Buffer.concat([head, tail, tail]);
    default:
      return Buffer.concat([head]);
  }
}

export const garbage: fc.Arbitrary<Buffer> = fc
  .tuple(fc.boolean(), fc.uint8Array({ maxLength: 4000 }))
  .map(([binary, bytes]) => Buffer.concat([Buffer.from(binary ? [0x80] : []), bytes]));

export const mutated: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.array(fc.constantFrom(...SEEDS), { minLength: 1, maxLength: 3 }),
    fc.array(change, { minLength: 1, maxLength: 6 }),
  )
  .map(([parts, changes]) => changes.reduce(spoil, Buffer.concat(parts)));

/** Returns the stream cut at these places. */
export function pieces(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const places = cuts.filter((at) => at < stream.length).toSorted((a, b) => a - b);
  return [...places, stream.length].map((to, i) =>
    stream.subarray(i === 0 ? 0 : places[i - 1], to),
  );
}
