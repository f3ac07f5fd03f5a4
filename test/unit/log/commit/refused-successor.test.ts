// A log whose next segment cannot be made for want of a descriptor: the segment's size stays bounded, the operator is
// told once, and it goes on by itself.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import type { Env, Fs } from '../../../../src/env/env.js';
import { nodeEnv } from '../../../../src/env/node-env.js';
import { openStore } from '../../../../src/store/open-store.js';
import { QuietLogger } from '../../../support/quiet-logger.js';

const SEGMENT_BYTES = 64 * 1024;
const VALUE = Buffer.alloc(2000, 'v');

describe('a successor that is refused', () => {
  it('bounds the segment, is told once, and comes when it can', async function () {
    this.timeout(20_000);
    const dir = mkdtempSync(join(tmpdir(), 'cairn-refused-'));
    const real = nodeEnv(new QuietLogger());
    let isOut = false;
    const warnings: string[] = [];
    const fs: Fs = {
      ...real.fs,
      open: (path, mode) => {
        if (!isOut) return real.fs.open(path, mode);
        return Promise.reject(
          Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' }),
        );
      },
    };
    const logger = {
      ...real.logger,
      warn: (text: string) => void warnings.push(text),
      error() {},
      info() {},
      debug() {},
    };
    const env: Env = { ...real, fs, logger };
    const store = await openStore(env, dir, { segmentBytesMax: SEGMENT_BYTES, snapshot: 'never' });
    try {
      const put = async (n: number): Promise<string> => {
        const outcome = await store.put({
          mode: 'set',
          key: Buffer.from(`k${n}`),
          value: VALUE,
          flags: 0,
          expiresAt: 0,
        });
        // As the server does: nobody is read while the log catches up.
        do await new Promise(setImmediate);
        while (store.durability.congested);
        return outcome.status;
      };
      isOut = true;
      const statuses = [];
      for (let n = 0; n < 100; n++) statuses.push(await put(n));
      expect(statuses.filter((status) => status === 'stored').length).to.be.within(16, 50);
      expect(statuses.at(-1)).to.equal('no-space');
      await new Promise((resolve) => setTimeout(resolve, 2500));
      expect(warnings.filter((text) => text.includes('cannot be prepared'))).to.have.length(1);
      isOut = false;
      while ((await put(1000)) !== 'stored')
        await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
