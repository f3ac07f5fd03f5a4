// kv-client and kv-load in front of something that is no memcached server: they show what it said, and end with 76.
// Before, a script that set a key in a Redis got success, and a load into one never ended.

import net from 'node:net';
import { once } from 'node:events';

import { expect } from 'chai';

import { EXIT } from '../../../../src/exit-codes.js';
import { runTool } from '../../../support/tool-run.js';

type Answer = (line: string) => string;

const SERVERS: Readonly<Record<string, Answer>> = {
  'a Redis that knows no such command': () => "-ERR unknown command 'x'\r\n",
  'a Redis that answers nothing found': () => '$-1\r\n',
  'a Redis that is content': () => '+OK\r\n',
  'a web server': () => 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n',
  'a mail server': () => '220 mail.example ESMTP\r\n',
  'an SSH server': () => 'SSH-2.0-OpenSSH_9.2\r\n',
  'an echo': (line) => `${line}\r\n`,
};

const COMMANDS: readonly (readonly string[])[] = [
  ['get', 'k'],
  ['get', 'k', '--json'],
  ['ttl', 'k'],
  ['set', 'k', 'value'],
  ['add', 'k', 'value'],
  ['cas', 'k', 'value', '5'],
  ['delete', 'k'],
  ['incr', 'k', '1'],
  ['touch', 'k', '10'],
  ['flush_all'],
  ['version'],
  ['stats'],
  ['keys'],
  ['raw', 'mn'],
  ['watch'],
];

describe('A server of another protocol @long', () => {
  for (const [name, answer] of Object.entries(SERVERS)) {
    it(`${name} is recognized by every command of kv-client, and by kv-load`, async () => {
      const server = net.createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (bytes) => {
          socket.write(answer(bytes.toString('latin1').split('\r\n')[0] ?? ''));
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as net.AddressInfo;
      try {
        const place = `127.0.0.1:${port}`;
        const runs = COMMANDS.map(
          (words) => ['kv-client', [place, 'memcached', ...words]] as const,
        );
        for (const [tool, words] of [...runs, ['kv-load', [place, '-']] as const]) {
          const run = await runTool(tool, words, '');
          const shown = `${tool} ${words.join(' ')}: ${run.stderr}`;
          expect(run.code, shown).to.equal(EXIT.protocol);
          expect(run.stderr, shown).to.contain('not a memcached server: it says "');
          expect(run.stdout.toString(), shown).to.equal('');
        }
      } finally {
        server.close();
      }
    });
  }
});
