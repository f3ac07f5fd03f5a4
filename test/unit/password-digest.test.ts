import { expect } from 'chai';

import {
  composePasswordDigest,
  isPasswordDigest,
  isPasswordOf,
} from '../../src/password-digest.js';

// From RFC 7914, section 12: scrypt("password", "NaCl", N=1024, r=8, p=16, 64 bytes).
const RFC_DIGEST =
  '$scrypt$ln=10,r=8,p=16$TmFDbA$' +
  '/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA';

describe('composePasswordDigest()', () => {
  it('gives a digest that only its password passes, with a salt of its own', () => {
    const digest = composePasswordDigest('open sesame');
    expect(digest).to.match(/^\$scrypt\$ln=15,r=8,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(isPasswordOf(Buffer.from('open sesame'), digest)).to.equal(true);
    expect(isPasswordOf(Buffer.from('open sesamE'), digest)).to.equal(false);
    expect(composePasswordDigest('open sesame')).not.to.equal(digest);
  });
});

describe('isPasswordOf()', () => {
  it('agrees with the published test vector', () => {
    expect(isPasswordDigest(RFC_DIGEST)).to.equal(true);
    expect(isPasswordOf(Buffer.from('password'), RFC_DIGEST)).to.equal(true);
  });

  it('compares the bytes as they are, whatever their encoding', () => {
    const digest = composePasswordDigest('größe');
    expect(isPasswordOf(Buffer.from('größe'), digest)).to.equal(true);
    expect(isPasswordOf(Buffer.from('größe', 'latin1'), digest)).to.equal(false);
  });

  it('gives false for a text that is no digest, and for a digest that costs too much', () => {
    expect(isPasswordOf(Buffer.from('x'), 'plain')).to.equal(false);
    expect(
      isPasswordOf(Buffer.from('x'), '$scrypt$ln=40,r=8,p=1$TmFDbA$/bq+HJ00cgB4VucZDQHp/n'),
    ).to.equal(false);
  });
});
