// A server whose cluster does not answer: it says so, and ends with the code for it.

import { expect } from 'chai';

import { EXIT } from '../../../src/exit-codes.js';
import { freePort } from '../../support/free-port.js';
import { ServerCommand } from '../../support/server-command.js';

describe('kv-server, a cluster that is not there @long', () => {
  for (const engine of ['etcd', 'redis']) {
    it(`${engine}: the message names the nodes`, async () => {
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
