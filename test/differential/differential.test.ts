// The same generated sessions go to Debian's memcached and to Cairn. Their replies must be equal, except for what
// programs.ts leaves out and exchange.ts evens out.

import { config, expect } from 'chai';
import * as fc from 'fast-check';
import { requireProgram } from '../support/programs.js';
import { seeded } from '../support/seed.js';
import { ServerProcess } from '../../tools/torture/server-process.js';
import { cairnLaunch, memcachedLaunch, temporaryFolder } from '../support/servers.js';
import { binaryReplies, exchange, sentinel, textReplies } from './exchange.js';
import { binaryCommand, metaCommand, SESSION, textCommand, type TextCommand } from './programs.js';
import { removeFolder } from '../support/remove-folder.js';

// Failures show both replies whole.
config.truncateThreshold = 0;

describe('differential: memcached and Cairn answer alike', function () {
  this.timeout(180_000);
  let dir: string | undefined;
  let memcached: ServerProcess | undefined;
  let cairn: ServerProcess | undefined;
  let sessions = 0;

  before(async function () {
    const program = requireProgram(this, 'memcached', 'memcached');
    dir = temporaryFolder();
    memcached = await ServerProcess.start(memcachedLaunch(program));
    cairn = await ServerProcess.start(cairnLaunch(dir, ['--dialect', 'memcached']));
  });
  after(async () => {
    await memcached?.kill();
    await cairn?.kill();
    if (dir !== undefined) removeFolder(dir);
  });

  /** Sends a session to both under a new session name; returns both replies as latin1, without the name. */
  async function both(theirs: Buffer, ours = theirs): Promise<[Buffer, Buffer]> {
    if (memcached === undefined || cairn === undefined) throw new Error('Not started');
    const name = `s${String((sessions += 1)).padStart(SESSION.length - 1, '0')}`;
    const named = (request: Buffer): Buffer =>
      Buffer.from(request.toString('latin1').replaceAll(SESSION, name), 'latin1');
    const hide = (reply: Buffer): Buffer =>
      Buffer.from(reply.toString('latin1').replaceAll(name, SESSION), 'latin1');
    const answers = await Promise.all([
      exchange(memcached.port, named(theirs)),
      exchange(cairn.port, named(ours)),
    ]);
    return [hide(answers[0]), hide(answers[1])];
  }

  async function compareText(commands: readonly TextCommand[]): Promise<void> {
    const said = (to: 'theirs' | 'ours'): Buffer => {
      const words = commands.map((each) => (typeof each === 'string' ? each : each[to]));
      return Buffer.from(words.map((each, i) => each + sentinel(i)).join(''), 'latin1');
    };
    const [theirs, ours] = await both(said('theirs'), said('ours'));
    expect(textReplies(ours, commands)).to.deep.equal(textReplies(theirs, commands));
  }

  async function compareBinary(packets: readonly Buffer[]): Promise<void> {
    const [theirs, ours] = (await both(Buffer.concat(packets))).map(binaryReplies);
    expect(ours).to.deep.equal(theirs);
  }

  it('to text commands', async () => {
    const sessionOf = fc.array(textCommand, { minLength: 1, maxLength: 8 });
    await fc.assert(fc.asyncProperty(sessionOf, compareText), seeded('text', 1500));
  });

  it('to meta commands', async () => {
    const sessionOf = fc.array(metaCommand, { minLength: 1, maxLength: 8 });
    await fc.assert(fc.asyncProperty(sessionOf, compareText), seeded('meta', 1500));
  });

  it('to binary commands', async () => {
    const sessionOf = fc.array(binaryCommand, { minLength: 1, maxLength: 8 });
    await fc.assert(fc.asyncProperty(sessionOf, compareBinary), seeded('binary', 1500));
  });
});
