// kv-server over a cluster that does not answer: it says so, and ends with the exit code for that.

import { expect } from 'chai';

import { EXIT } from '../../../src/exit-codes.js';
import { freePort } from '../../support/free-port.js';
import { ServerCommand } from '../../support/server-command.js';

describe('kv-server over a missing cluster @long', () => {
  for (const engine of ['etcd', 'redis']) {
    it(`names the nodes of ${engine} and ends with the exit code of an I/O error`, async () => {
      const place = `127.0.0.1:${await freePort()}`;
      const { ended } = new ServerCommand(['-p', '0', '--store', `${engine}://${place}`]);
      const { code, stderr } = await ended;
      expect(stderr)
        .to.include(place)
        .and.to.match(/No (?:majority|node) of .* answers/);
      expect(code).to.equal(EXIT.io);
    });
  }
});
