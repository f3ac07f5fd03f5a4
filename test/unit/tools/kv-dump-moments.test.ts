// The moments of kv-dump: right and wrong values of --at, --seq and --before-flush.

import { expect } from 'chai';

import { temporaryFolder } from '../../support/servers.js';
import { runTool } from '../../support/tool-run.js';
import { nodeEnv } from '../../../src/env/node-env.js';
import { openStore } from '../../../src/store/open-store.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { removeFolder } from '../../support/remove-folder.js';

describe('kv-dump of an earlier moment', function () {
  this.timeout(60_000);
  let dir = '';

  before(async () => {
    dir = temporaryFolder();
    const store = await openStore(nodeEnv(new QuietLogger()), dir, { snapshot: 'never' });
    const put = { mode: 'set', key: Buffer.from('k'), flags: 0, expiresAt: 0 } as const;
    await store.put({ ...put, value: Buffer.from('old') });
    await store.put({ ...put, value: Buffer.from('new') });
    store.flush(0);
    await store.close();
  });
  after(() => removeFolder(dir));

  async function dumped(...args: string[]): Promise<readonly [number | null, string]> {
    const { code, stdout, stderr } = await runTool('kv-dump', [dir, '--format', 'ndjson', ...args]);
    const values = stdout.toString().match(/(?<="value":")\w+/g) ?? [];
    return [code, code === 0 ? values.join(' ') : stderr];
  }

  it('prints the store as it was', async () => {
    expect(await dumped('--seq', '1')).to.deep.equal([0, 'old']);
    expect(await dumped('--seq', '2')).to.deep.equal([0, 'new']);
    expect(await dumped('--before-flush')).to.deep.equal([0, 'new']);
    for (const now of ['0s', new Date().toISOString()])
      expect((await dumped('--at', now))[0], now).to.equal(0);
    expect(await dumped()).to.deep.equal([0, '']);
  });

  it('refuses a text that is no moment, and a moment that has not come or is not kept', async () => {
    for (const [args, code, text] of [
      [['--at', 'nonsense'], 64, 'Give a time such as'],
      [['--at', '2026-13-45'], 64, 'Give a time such as'],
      [['--at', '2999-01-01'], 64, 'has not come yet'],
      [['--at', '1970-01-02'], 66, 'no record as old as that; the oldest is of 2'],
      [['--seq', '1e3'], 64, 'Give a whole number'],
      [['--seq', '-1'], 64, 'Give a whole number'],
      [['--seq', '99'], 64, 'The newest record has seq'],
      [['--seq', '1', '--before-flush'], 64, 'cannot be used with'],
    ] as const) {
      const [exit, said] = await dumped(...args);
      expect(exit, args.join(' ')).to.equal(code);
      expect(said, args.join(' ')).to.contain(text);
    }
  });
});
