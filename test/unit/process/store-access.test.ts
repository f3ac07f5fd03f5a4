// readStoreAccess(): the sources of the login and the certificates of a cluster.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { storePlace } from '../../../src/config/store-place.js';
import { isKvError } from '../../../src/errors.js';
import { readStoreAccess } from '../../../src/process/store-access.js';
import { Authority, canMakeCertificates } from '../../support/certificates.js';
import { skip } from '../../support/programs.js';
import { temporaryFolder } from '../../support/servers.js';
import { removeFolder } from '../../support/remove-folder.js';

/** Reads the certificates that the options of a URL name. */
function read(words: string): ReturnType<typeof readStoreAccess> {
  const place = storePlace(`etcds://a?${words}`);
  return readStoreAccess(place, { storeAuth: undefined, storeAuthFile: undefined });
}

describe('readStoreAccess()', () => {
  let dir = '';
  const place = storePlace('etcd://a,b:1');
  before(() => {
    dir = temporaryFolder();
  });
  after(() => removeFolder(dir));

  it('gives the hosts, and no login when none is configured', () => {
    const none = { hosts: ['a:2379', 'b:1'], tls: undefined, user: undefined, password: undefined };
    const access = readStoreAccess(place, { storeAuth: undefined, storeAuthFile: undefined });
    expect(access).to.deep.equal(none);
  });

  it('reads user:password from the variable, or from the first line of the file, which wins', () => {
    const storeAuthFile = join(dir, 'login');
    writeFileSync(storeAuthFile, 'cairn:se:cret\r\nmore\n');
    const both = readStoreAccess(place, { storeAuth: ':other', storeAuthFile });
    expect(both).to.include({ user: 'cairn', password: 'se:cret' });
    const variable = readStoreAccess(place, { storeAuth: ':other', storeAuthFile: undefined });
    expect(variable).to.include({ user: undefined, password: 'other' });
  });

  it('reads the certificates, and names a file that cannot be used', function () {
    if (!canMakeCertificates()) skip(this, 'openssl');
    const authority = new Authority(dir, 'store');
    const { certPath: cert, keyPath: key } = authority.sign('server');
    const other = authority.sign('other').keyPath;
    const text = join(dir, 'text');
    writeFileSync(text, 'no certificate');
    const ca = authority.certPath;
    expect(read(`ca=${ca}`).tls).to.deep.equal({
      ca: readFileSync(ca),
      cert: undefined,
      key: undefined,
    });
    expect(read(`cert=${cert}&key=${key}`).tls?.key).to.deep.equal(readFileSync(key));
    const refusals: Readonly<Record<string, string>> = {
      [`ca=${ca}.gone`]: `(ENOENT) (${ca}.gone)`,
      [`ca=${text}`]: `${text} cannot be used for TLS`,
      [`cert=${cert}&key=${other}`]: `${cert} with ${other} cannot be used for TLS`,
      [`cert=${text}&key=${key}`]: `${text} with ${key} cannot be used for TLS`,
    };
    for (const [words, refusal] of Object.entries(refusals)) {
      expect(() => read(words))
        .to.throw(refusal)
        .that.satisfies((error: unknown) => isKvError(error) && error.code === 'KV_BAD_OPTION');
    }
  });
});
