// docs/how-to/, each page done as its reader does it: the test types the commands and expects the output that the page
// shows. test/systemd.test.ts runs the blocks for root.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';
import type { Context } from 'mocha';

import { ServerProcess } from '../../../tools/torture/server-process.js';
import { freePort } from '../../support/free-port.js';
import { PROJECT_DIR } from '../../support/golden-file.js';
import { pageBlocks, type PageBlock } from '../../support/page-blocks.js';
import { PageShell } from '../../support/page-shell.js';
import { requireProgram, run } from '../../support/programs.js';
import { startRedis, type RedisServer } from '../../support/redis-server.js';
import { memcachedLaunch, temporaryFolder } from '../../support/servers.js';
import { runTool } from '../../support/tool-run.js';
import { removeFolder } from '../../support/remove-folder.js';

const FOLDER = join(PROJECT_DIR, 'docs/how-to');
const PAGES = readdirSync(FOLDER).filter((name) => name.endsWith('.md'));

function blocksOf(
  name: string,
  replaced: readonly (readonly [string, string])[] = [],
): PageBlock[] {
  const text = readFileSync(join(FOLDER, name), 'utf8');
  return pageBlocks(
    replaced.reduce((page, [written, used]) => page.replaceAll(written, used), text),
  );
}

/** Starts the servers that a page expects; resolves to names on the page, each with its address in the test. */
type Stage = (context: Context) => Promise<readonly [string, string][]>;

describe('docs/how-to', function () {
  this.timeout(120_000);
  let dir = '';
  let shell: PageShell | undefined;
  let memcached: ServerProcess | undefined;
  let redis: RedisServer | undefined;

  beforeEach(() => (dir = temporaryFolder()));
  afterEach(async () => {
    await shell?.end();
    await memcached?.kill();
    await redis?.kill();
    removeFolder(dir);
  });

  const stages: Readonly<Record<string, Stage>> = {
    'move-from-memcached.md': async (context) => {
      const program = requireProgram(context, 'memcached', 'memcached');
      memcached = await ServerProcess.start(memcachedLaunch(program));
      const address = `127.0.0.1:${memcached.port}`;
      await runTool('kv-client', [address, 'set', 'greeting', 'hello', '--exptime', '3600']);
      await runTool('kv-client', [address, 'set', 'visits', '41']);
      return [['old:11211', address]];
    },
    'move-from-redis.md': async (context) => {
      const client = requireProgram(context, 'redis-cli', 'redis-tools');
      redis = await startRedis(requireProgram(context, 'redis-server', 'redis-server'), dir);
      const commands = 'SET user:1 Ada\nSET user:2 Bob EX 100\nHSET h1 f 1\nHSET h2 f 1\n';
      await run(client, ['-p', String(redis.port)], { input: commands });
      return [['db1:6379', `127.0.0.1:${redis.port}`]];
    },
    'watch.md': async (context) => {
      requireProgram(context, 'curl', 'curl');
      return [['9150', String(await freePort())]];
    },
  };

  it('has only pages of which most blocks are tried', () => {
    expect(PAGES).to.include.members(Object.keys(stages));
    for (const page of PAGES) {
      const blocks = blocksOf(page);
      const tried = blocks.filter(({ kind }) => kind !== 'by-hand');
      expect(tried.length, page).to.be.above(blocks.length / 2);
    }
  });

  const pages = PAGES.filter((page) => blocksOf(page).some(({ kind }) => isTriedHere(kind)));
  for (const page of pages) {
    it(`${page} does what it says @long`, async function () {
      const stage = (await stages[page]?.(this)) ?? [];
      const ports = [String(await freePort()), String(await freePort())] as const;
      const replaced = [...stage, ['11211', ports[0]], ['11212', ports[1]]] as const;
      shell = new PageShell(dir, 'reader', { CAIRN_PORT: ports[0] });
      for (const block of blocksOf(page, replaced).filter(({ kind }) => isTriedHere(kind))) {
        await shell.run(block);
      }
    });
  }
});

function isTriedHere(kind: PageBlock['kind']): boolean {
  return kind !== 'by-hand' && kind !== 'root';
}
