// Pipelined changes: over a cluster, an incr, a decr or a meta delete once changed its item by the arguments of the
// request behind it. The server fills one object for all requests, and the stores over etcd and Redis read it after the call
// had returned. A server over Redis even ended, because a reply named a number that the next request did not create.

import { expect } from 'chai';

import { exchange } from '../differential/exchange.js';
import { EVERYWHERE, describeServers } from '../support/servers.js';

describeServers(
  'Changes that are sent together',
  (server) => {
    const ask = async (...lines: readonly string[]): Promise<readonly string[]> => {
      const reply = await exchange(
        server.port(),
        Buffer.from([...lines, ''].join('\r\n'), 'latin1'),
      );
      return reply.toString('latin1').split('\r\n').slice(0, -1);
    };

    it('incr and decr use each its own direction and number', async () => {
      await ask('set n 0 0 2', '10');
      const replies = await ask('incr n 5', 'decr n 100', 'incr n 7', 'get n', 'incr o 1');
      expect(replies).to.deep.equal(['15', '0', '7', 'VALUE n 0 2', '7 ', 'END', 'NOT_FOUND']);
    });

    it('meta arithmetic creates what its own request says', async () => {
      const replies = await ask('ma a N0 J7 v', 'ma b v', 'ma a D2 v T100', 'ma a MD v t');
      expect(replies).to.deep.equal(['VA 1', '7', 'NF', 'VA 1', '9', 'VA 1 t100', '8']);
    });

    it('a meta delete that marks an item as stale is not the delete behind it', async () => {
      await ask('ms s 1', 'x', 'ms d 1', 'y');
      const replies = await ask('md s I T30', 'md d', 'mg s v', 'mg d v');
      expect(replies).to.deep.equal(['HD', 'HD', 'VA 1 X W', 'x', 'EN']);
    });
  },
  { kinds: EVERYWHERE },
);
