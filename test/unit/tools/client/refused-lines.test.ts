// kv-client fed from a pipe: the first line that was refused decides the exit code, and the lines after it run
// (docs/tools.md, "The prompt").

import { expect } from 'chai';

import { startScripted } from '../../../support/scripted-server.js';
import { runTool } from '../../../support/tool-run.js';

/** The server's reply to each line. Other lines, such as the head of a value, have none. */
const REPLIES: Readonly<Record<string, string>> = {
  v: 'STORED',
  mn: 'MN',
  'get none': 'END',
  'delete none': 'NOT_FOUND',
  'mg none t': 'EN',
  'gte k': 'ERROR',
  'incr k x': 'CLIENT_ERROR invalid numeric delta argument',
  'get secret': 'CLIENT_ERROR unauthenticated',
  'delete k': 'SERVER_ERROR disk full, not stored',
  'mg k v q': 'SERVER_ERROR stored value is damaged',
  shutdown: 'SERVER_ERROR: shutdown not enabled',
  'mg k t': 'SERVER_ERROR stored value is damaged',
  'lru_crawler metadump all': 'CLIENT_ERROR lru crawler disabled',
};

describe('kv-client from a pipe @long', () => {
  for (const mode of ['tcp', 'memcached'])
    for (const [code, ...lines] of [
      [0, 'get none', 'delete none', 'ttl none'],
      [0, '\ufeffget none'],
      [64, 'gte k'],
      [64, 'incr k x'],
      [64, 'keys'],
      [64, 'set'],
      [74, 'delete k'],
      [74, 'mg k v q'],
      [74, 'ttl k'],
      [74, 'shutdown'],
      [77, 'get secret'],
      [74, 'delete k', 'gte k'],
      [64, 'gte k', 'delete k'],
      [64, 'set', 'delete k'],
      [74, 'get none', 'delete k', 'set'],
    ] as const)
      it(`in ${mode} mode ends with ${code} and runs what follows: ${lines.join(', ')}`, async () => {
        const server = await startScripted((line) =>
          REPLIES[line] === undefined ? '' : `${REPLIES[line]}\r\n`,
        );
        const input = [...lines, 'set after 1', 'v', ''].join('\n');
        const done = await runTool('kv-client', [String(server.port), mode], input);
        await server.close();
        expect(done.stdout.toString(), done.stderr).to.match(/STORED\r\n$/);
        expect(done.code, done.stderr).to.equal(code);
      });
}).timeout(60_000);
