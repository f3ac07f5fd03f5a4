// nodeEnv(): the real Env by itself, on a real file system.

import os, { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';
import fse from 'fs-extra';

import { nodeEnv } from '../../../src/env/node-env.js';
import { skip } from '../../support/programs.js';
import { QuietLogger } from '../../support/quiet-logger.js';

const PRIORITY_WORKER = new URL('../../support/priority-worker.js', import.meta.url);

describe('nodeEnv()', () => {
  let dir: string;
  before(async () => {
    dir = await fse.mkdtemp(join(tmpdir(), 'cairn-test-'));
  });
  after(() => fse.remove(dir));

  it('writeNow() has written when it returns, and throws the error of the system', async () => {
    const path = join(dir, 'file');
    const { fs } = nodeEnv(new QuietLogger());
    const file = await fs.open(path, 'create');
    expect(file.writeNow(Buffer.from('direct'), 2)).to.equal(6);
    expect(fse.readFileSync(path, 'latin1')).to.equal('\0\0direct');
    await file.close();
    expect(() => file.writeNow(Buffer.from('x'), 0)).to.throw('EBADF');
  });

  it('startWorker() runs a thread of lower priority than the main thread', async function () {
    if (process.platform !== 'linux') skip(this, 'Linux');
    const worker = nodeEnv(new QuietLogger()).startWorker(PRIORITY_WORKER, undefined);
    const told = await new Promise((resolve) => worker.onMessage(resolve));
    await worker.done;
    expect(told).to.equal(Math.min(os.getPriority() + 5, 19));
  });
});
