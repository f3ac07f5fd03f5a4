// readStoreAccess(): the sources of the login and the certificates of a cluster.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { storePlace } from '../../../src/config/store-place.js';
import { isKvError } from '../../../src/errors.js';
import { readStoreAccess } from '../../../src/process/store-access.js';
import { temporaryFolder } from '../../support/servers.js';
import { removeFolder } from '../../support/remove-folder.js';

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

  it('reads the certificates, and names a file that cannot be read', () => {
    const ca = join(dir, 'ca.pem');
    writeFileSync(ca, 'PEM');
    const none = { storeAuth: undefined, storeAuthFile: undefined };
    const { tls } = readStoreAccess(storePlace(`etcds://a?ca=${ca}`), none);
    expect(tls).to.deep.equal({ ca: Buffer.from('PEM'), cert: undefined, key: undefined });
    expect(() => readStoreAccess(storePlace(`etcds://a?ca=${ca}.gone`), none))
      .to.throw(/^A file of --store cannot be read: .*ca\.pem\.gone\)$/)
      .that.satisfies((error: unknown) => isKvError(error) && error.code === 'KV_BAD_OPTION');
  });
});
