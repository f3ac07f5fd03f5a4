import { expect } from 'chai';

import {
  checkPassword,
  composePasswordDigest,
  isPasswordDigest,
} from '../../src/password-digest.js';

// RFC 7914, section 12: scrypt("password", "NaCl", N=1024, r=8, p=16, 64 bytes).
const RFC_DIGEST =
  '$scrypt$ln=10,r=8,p=16$TmFDbA$' +
  '/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA';

describe('composePasswordDigest()', () => {
  it('gives a digest that only its password passes, with a salt of its own', async () => {
    const digest = await composePasswordDigest('open sesame');
    expect(digest).to.match(/^\$scrypt\$ln=15,r=8,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(await checkPassword('open sesame', digest)).to.equal(true);
    expect(await checkPassword('open sesamE', digest)).to.equal(false);
    expect(await composePasswordDigest('open sesame')).not.to.equal(digest);
  });
});

describe('checkPassword()', () => {
  it('agrees with the published test vector', async () => {
    expect(isPasswordDigest(RFC_DIGEST)).to.equal(true);
    expect(await checkPassword('password', RFC_DIGEST)).to.equal(true);
  });

  it('is false for what is no digest or costs too much', async () => {
    expect(await checkPassword('x', 'plain')).to.equal(false);
    expect(
      await checkPassword('x', '$scrypt$ln=40,r=8,p=1$TmFDbA$/bq+HJ00cgB4VucZDQHp/n'),
    ).to.equal(false);
  });
});
