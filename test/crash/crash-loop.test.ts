// kill -9 under load, again and again: nothing acknowledged or seen is lost, and nothing is invented.

import { expect } from 'chai';
import { requireProgram } from '../support/programs.js';
import { rounds } from '../support/tier.js';
import { cairnLaunch, memcachedLaunch, temporaryFolder } from '../support/servers.js';
import { ServerFailure } from '../../tools/torture/server-process.js';
import { crashLoop, summary, type CrashLoopOptions } from '../../tools/torture/crash-loop.js';
import { removeFolder } from '../support/remove-folder.js';

const seed = Number(process.env['CAIRN_TEST_SEED'] ?? Date.now() % 1_000_000_000);

describe('kill -9 under load', function () {
  this.timeout(180_000);
  let dir: string;

  beforeEach(() => {
    dir = temporaryFolder();
  });
  afterEach(() => removeFolder(dir));

  async function survives(options: Omit<CrashLoopOptions, 'launch' | 'seed'>, args: string[]) {
    const report = await crashLoop({ ...options, launch: cairnLaunch(dir, args), seed });
    process.stdout.write(`      ${summary(report)}\n`);
    const { lost, invented, wrongReplies } = report;
    expect({ lost, invented, wrongReplies }).to.deep.equal({
      lost: [],
      invented: [],
      wrongReplies: [],
    });
    expect(report.acknowledged).to.be.above(options.kills);
    expect(report.seen).to.be.above(0);
  }

  it('every acknowledged or seen write survives, and nothing is invented', async () => {
    await survives({ kills: rounds(40, 4), valueBytesMax: 4000, lifeMsMax: 150 }, []);
  });

  it('the same holds while segments rotate and compactions and snapshots run', async () => {
    const small = ['--segment-size', '1m', '--compact-min', '512k', '--compact-ratio', '0.2'];
    await survives({ kills: rounds(20, 2), valueBytesMax: 100_000, lifeMsMax: 400 }, [
      ...small,
      '--snapshot',
      '1s',
    ]);
  });

  it('the loop sees losses: memcached, which keeps nothing, loses writes @long', async function () {
    const launch = memcachedLaunch(requireProgram(this, 'memcached', 'memcached'));
    const report = await crashLoop({ launch, kills: 1, seed, valueBytesMax: 4000, lifeMsMax: 200 });
    expect(report.lost).to.not.deep.equal([]);
    expect({ invented: report.invented, wrongReplies: report.wrongReplies }).to.deep.equal({
      invented: [],
      wrongReplies: [],
    });
  });

  it('the loop fails with its seed when a server neither answers nor ends @long', async () => {
    const deaf = `require('node:net').createServer(() => {}).listen(0, '127.0.0.1', function () {
      const line = 'TCP INET: ' + this.address().port + '\\n';
      require('node:fs').writeFileSync(process.env.MEMCACHED_PORT_FILENAME, line);
    })`;
    const launch = { command: process.execPath, args: ['-e', deaf] };
    const load = { kills: 1, seed: 77, valueBytesMax: 100, lifeMsMax: 10, patienceMs: 1000 };
    const error = await crashLoop({ launch, ...load }).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(ServerFailure);
    expect(String(error)).to.contain('seed 77, kill 1: the server hangs');
  });
});
