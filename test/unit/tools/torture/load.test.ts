// The load of kv-torture: what it takes for acknowledged when a server refuses a write.

import { expect } from 'chai';
import { once } from 'node:events';
import net from 'node:net';

import { noFindings, ServerRefusal, Writer } from '../../../../tools/torture/load.js';
import { SeededRandom } from '../../../../tools/torture/seeded-random.js';
import { WireClient } from '../../../../tools/torture/wire-client.js';

const SEEDS = [1, 2, 3, 4, 5];

describe('Writer.run()', () => {
  it('learns nothing from replies that come after a refusal on its connection', async () => {
    for (const seed of SEEDS) {
      const server = net.createServer((socket) => {
        const refusals = `SERVER_ERROR storage is not available\r\n${'NOT_FOUND\r\n'.repeat(11)}`;
        socket.on('data', (bytes) => {
          // A writer may first ask for a token.
          socket.write(bytes.toString('latin1').startsWith('mg ') ? 'EN\r\n' : refusals);
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const client = await WireClient.connect((server.address() as net.AddressInfo).port);
      const writer = new Writer('w', new SeededRandom(seed), 100);
      const findings = noFindings();
      const error = await writer.run(client, findings).catch((thrown: unknown) => thrown);
      client.close();
      server.close();
      await once(server, 'close');
      expect(error, `seed ${seed}`).to.be.instanceOf(ServerRefusal);
      expect(findings).to.deep.include({ acknowledged: 0, wrongReplies: [] });
    }
  });
});
