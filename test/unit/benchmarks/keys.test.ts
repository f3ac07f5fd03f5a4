import { expect } from 'chai';
import {
  seededRandom,
  sequentialKeys,
  uniformKeys,
  zipfianKeys,
  zipfianRanks,
  ZIPF_EXPONENT,
  type KeyPicker,
} from '../../../benchmarks/load/keys.js';

const SEED = 7;
const KEY_COUNT = 1000;
const DRAWS = 200_000;

function shares(pick: KeyPicker): Float64Array {
  const counts = new Float64Array(KEY_COUNT);
  for (let i = 0; i < DRAWS; i++) counts[pick()]! += 1 / DRAWS;
  return counts;
}

function draw(seed: number): number[] {
  return Array.from({ length: 5 }, seededRandom(seed));
}

describe('benchmarks/load/keys', () => {
  it('seededRandom() repeats its numbers for the same seed only', () => {
    expect(draw(1)).to.deep.equal(draw(1));
    expect(draw(1)).to.not.deep.equal(draw(2));
  });

  it(`uniformKeys() gives every key the same share (seed ${SEED})`, () => {
    const seen = shares(uniformKeys(KEY_COUNT, seededRandom(SEED)));
    expect(Math.min(...seen)).to.be.greaterThan(0.6 / KEY_COUNT);
    expect(Math.max(...seen)).to.be.lessThan(1.5 / KEY_COUNT);
  });

  it(`zipfianRanks() follows 1 / rank ^ exponent (seed ${SEED})`, () => {
    const seen = shares(zipfianRanks(KEY_COUNT, seededRandom(SEED)));
    let zeta = 0;
    for (let rank = 1; rank <= KEY_COUNT; rank++) zeta += rank ** -ZIPF_EXPONENT;
    expect(seen[0]).to.be.closeTo(1 / zeta, 0.1 / zeta);
    const firstTen = seen.slice(0, 10).reduce((sum, share) => sum + share, 0);
    let exact = 0;
    for (let rank = 1; rank <= 10; rank++) exact += rank ** -ZIPF_EXPONENT / zeta;
    expect(firstTen).to.be.closeTo(exact, exact * 0.1);
  });

  it(`zipfianKeys() scatters the hot keys and stays in range (seed ${SEED})`, () => {
    const seen = shares(zipfianKeys(KEY_COUNT, seededRandom(SEED)));
    const hottest = seen.indexOf(Math.max(...seen));
    expect(hottest).to.not.equal(0);
    expect(Math.max(...seen)).to.be.greaterThan(0.1);
    expect(seen.reduce((sum, share) => sum + share, 0)).to.be.closeTo(1, 1e-6);
  });

  it('zipfianRanks() copes with one and two keys', () => {
    for (const count of [1, 2]) {
      const pick = zipfianRanks(count, seededRandom(SEED));
      for (let i = 0; i < 100; i++) expect(pick()).to.be.within(0, count - 1);
    }
  });

  it('sequentialKeys() gives each key once', () => {
    const pick = sequentialKeys();
    expect([pick(), pick(), pick()]).to.deep.equal([0, 1, 2]);
  });
});
