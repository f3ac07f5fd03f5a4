import { expect } from 'chai';
import { PrefixHash, hashSeed, hashWords, packKey } from '../../../../src/log/bytes/key-hash.js';

// Published vectors of HalfSipHash-1-3 (Linux, lib/tests/siphash_kunit.c): number n is the hash of the
// bytes 0..n-1 under the key 00 01 … 07.
const VECTORS = [
  0x5814c896, 0xe7e864ca, 0xbc4b0e30, 0x01539939, 0x7e059ea6, 0x88e3d89b, 0xa0080b65, 0x9d38d9d6,
  0x577999b1, 0xc839caed, 0xe4fa32cf, 0x959246ee, 0x6b28096c, 0x66dd9cd6, 0x16658a7c, 0xd0257b04,
  0x8b31d501, 0x2b1cd04b, 0x06712339, 0x522aca67, 0x911bb605, 0x90a65f0e, 0xf826ef7b, 0x62512deb,
  0x57150ad7, 0x5d473507, 0x1ec47442, 0xab64afd3, 0x0a4100d0, 0x6d2ce652, 0x2331b6a3, 0x08d8791a,
  0xbc6dda8d, 0xe0f6c934, 0xb0652033, 0x9b9851cc, 0x7c46fb7f, 0x732ba8cb, 0xf142997a, 0xfcc9aa1b,
];
const BYTES = Buffer.from(Array.from({ length: 64 }, (_, at) => at));

describe('key-hash', () => {
  it('hashWords() gives the published hash of 0 to 39 bytes', () => {
    const seed = hashSeed(BYTES);
    const words = new Uint32Array(20);
    for (const [length, hash] of VECTORS.entries()) {
      words.fill(0xffffffff);
      packKey(BYTES.subarray(0, length), words);
      expect(hashWords(words, 0, length, seed) >>> 0, `${length} bytes`).to.equal(hash);
    }
  });

  it('hashWords() gives the same hash wherever the words begin', () => {
    const seed = hashSeed(BYTES);
    const words = new Uint32Array(20);
    packKey(BYTES.subarray(0, 19), words.subarray(7));
    expect(hashWords(words, 7, 19, seed) >>> 0).to.equal(VECTORS[19]);
  });

  it('PrefixHash gives each prefix its published hash', () => {
    const seed = hashSeed(BYTES);
    const words = new Uint32Array(20);
    packKey(BYTES.subarray(0, 39), words);
    const all = new PrefixHash(seed);
    all.begin(words);
    for (const [length, hash] of VECTORS.entries()) {
      const each = new PrefixHash(seed);
      each.begin(words);
      expect(all.hashOf(length) >>> 0, `${length} bytes`).to.equal(hash);
      expect(each.hashOf(length) >>> 0, `${length} bytes alone`).to.equal(hash);
    }
  });

  it('packKey() pads the last word with zeros and returns the number of words', () => {
    const words = new Uint32Array(3).fill(0xffffffff);
    expect(packKey(Buffer.from([1, 2, 3, 4, 0xfe]), words)).to.equal(2);
    expect([...words]).to.deep.equal([0x04030201, 0xfe, 0xffffffff]);
    expect(packKey(Buffer.from([0xff, 0xff, 0xff, 0xff]), words)).to.equal(1);
    expect(words[0]).to.equal(0xffffffff);
  });
});
