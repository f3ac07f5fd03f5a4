// 3,000 random sequences of meta commands go, one command at a time, to memcached and to Cairn: each reply and the
// remaining items must be equal.

import { config, expect } from 'chai';
import * as fc from 'fast-check';
import { requireProgram } from '../support/programs.js';
import { seeded } from '../support/seed.js';
import { cairnLaunch, memcachedLaunch, temporaryFolder } from '../support/servers.js';
import { TestClient } from '../support/test-server.js';
import { ServerProcess } from '../../tools/torture/server-process.js';
import { hideMoving } from './exchange.js';
import { FINAL_KEYS, finalLine, metaSequence, type MetaCommand } from './meta-sequences.js';
import { removeFolder } from '../support/remove-folder.js';

// Failures show both replies whole.
config.truncateThreshold = 0;

/** Versions from this one on count as what docs/protocol.md describes. */
const YARDSTICK = [1, 6, 45];
/** The token that a command uses when there is no item. */
const NO_ITEM = '5';

/** One of the two servers, and how the test talks to it. */
class Side {
  readonly #client: TestClient;
  /** Returns the lines of a command for this server. */
  readonly #linesOf: (command: MetaCommand) => readonly string[];

  constructor(client: TestClient, linesOf: (command: MetaCommand) => readonly string[]) {
    this.#client = client;
    this.#linesOf = linesOf;
  }

  /** Returns the reply to a command on the key of that sequence, in the form that is compared. */
  async reply(sequence: string, command: MetaCommand): Promise<string> {
    const { key } = command;
    const name = `${key}${sequence}`;
    const wire = key === 'b' ? Buffer.from(name).toString('base64') : name;
    let said = '';
    for (const each of this.#linesOf(command)) {
      const token = each.includes('TOKEN') ? await this.#token(wire, key === 'b') : '';
      const [head = '', ...rest] = each.split('\r\n');
      const named = head.replace('KEY', wire).replace('TOKEN', token);
      const flagged = key === 'b' ? `${named} b` : named;
      said = await this.#ask([flagged, ...rest].join('\r\n'));
    }
    return (
      said
        .replaceAll(wire, 'KEY')
        // memcached names an item as it was created, Cairn as it was requested.
        .replaceAll(name, 'KEY')
        .replaceAll(' kKEY b', ' kKEY')
        .replaceAll(/ t\d{6,}/g, ' tfar')
        .replaceAll(/^(?:HD|VA|EX|NS|NF) .*$/gm, hideMoving)
        .replaceAll(/^(VALUE \S+ \d+ \d+) \d+\r\n/gm, '$1 cas\r\n')
    );
  }

  async #token(wire: string, isBase64: boolean): Promise<string> {
    const said = await this.#ask(`me ${wire}${isBase64 ? ' b' : ''}\r\n`);
    return / cas=(\d+)/.exec(said)?.[1] ?? NO_ITEM;
  }

  async #ask(request: string): Promise<string> {
    this.#client.send(`${request}mn\r\n`);
    return (await this.#client.until('MN\r\n')).slice(0, -'MN\r\n'.length);
  }
}

function isOlder(version: string): boolean {
  const numbers = version.match(/\d+/g)?.map(Number) ?? [];
  const at = YARDSTICK.findIndex((number, i) => number !== numbers[i]);
  return at >= 0 && (numbers[at] ?? 0) < YARDSTICK[at]!;
}

describe('differential: sequences of meta commands', function () {
  this.timeout(600_000);
  const servers: ServerProcess[] = [];
  const clients: TestClient[] = [];
  let dir: string | undefined;
  let theirs: Side;
  let ours: Side;
  let sequences = 0;

  async function start(launch: Parameters<typeof ServerProcess.start>[0]): Promise<TestClient> {
    const server = await ServerProcess.start(launch);
    servers.push(server);
    const client = await TestClient.open(server.port);
    clients.push(client);
    // Tokens of later items are above 1, which stands for an older token.
    client.send('set first 0 0 1\r\nx\r\nset first 0 0 1\r\nx\r\nversion\r\n');
    return client;
  }

  before(async function () {
    const program = requireProgram(this, 'memcached', 'memcached');
    dir = temporaryFolder();
    const memcached = await start(memcachedLaunch(program));
    const version = await memcached.until('VERSION ').then(() => memcached.until('\r\n'));
    const older = isOlder(version);
    console.log(`      memcached ${version.trim()}${older ? ', which is older' : ''}`);
    theirs = new Side(memcached, (one) => (older ? one.older.theirs : [one.line]));
    const cairn = await start(cairnLaunch(dir, ['--dialect', 'memcached']));
    await cairn.until('VERSION ').then(() => cairn.until('\r\n'));
    ours = new Side(cairn, (one) => [older ? one.older.ours : one.line]);
  });
  after(async () => {
    for (const client of clients) client.socket.destroy();
    for (const server of servers) await server.kill();
    if (dir !== undefined) removeFolder(dir);
  });

  async function compare(commands: readonly MetaCommand[]): Promise<void> {
    sequences += 1;
    const all = [...commands, ...FINAL_KEYS.map(finalLine)];
    const said = async (side: Side): Promise<string[]> => {
      const replies: string[] = [];
      for (const command of all) {
        replies.push(`${command.older.ours} → ${await side.reply(`-${sequences}-`, command)}`);
      }
      return replies;
    };
    const [right, is] = await Promise.all([said(theirs), said(ours)]);
    expect(is).to.deep.equal(right);
  }

  it('have the same replies and leave the same items', async () => {
    await fc.assert(fc.asyncProperty(metaSequence, compare), seeded('sequences', 3000));
  });
});
