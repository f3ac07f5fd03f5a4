// A file system that cannot lock, or a flock(1) that was killed, was once taken for another server that has the
// directory: whoever read the message looked for a process that was not there.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { nodeEnv } from '../../src/env/node-env.js';
import { isKvError } from '../../src/errors.js';
import { QuietLogger } from '../support/quiet-logger.js';

describe('lock() of the real environment', () => {
  const before = process.env['PATH'];
  let dir = '';

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cairn-lock-'));
  });
  afterEach(() => {
    process.env['PATH'] = before;
    rmSync(dir, { recursive: true, force: true });
  });

  async function refusal(): Promise<unknown> {
    const { fs } = nodeEnv(new QuietLogger());
    return fs.lock(join(dir, 'LOCK')).catch((error: unknown) => error);
  }

  it('KV_LOCKED is said of a lock that somebody has', async () => {
    const { fs } = nodeEnv(new QuietLogger());
    const lock = await fs.lock(join(dir, 'LOCK'));
    expect(isKvError(await refusal(), 'KV_LOCKED')).to.equal(true);
    await lock.release();
  });

  for (const [what, script, words] of [
    ['locks are not to be had', 'echo "flock: 3: No locks available" >&2; exit 71', 'No locks'],
    ['busybox fails, with the 1 of a lock that is taken', 'echo "flock: EIO" >&2; exit 1', 'EIO'],
    ['flock is killed', 'kill -9 $$', 'SIGKILL'],
  ] as const) {
    it(`KV_IO with the reason when ${what}`, async () => {
      writeFileSync(join(dir, 'flock'), `#!/bin/sh\n${script}\n`);
      chmodSync(join(dir, 'flock'), 0o755);
      process.env['PATH'] = `${dir}:${before}`;
      const error = await refusal();
      expect(isKvError(error, 'KV_IO')).to.equal(true);
      expect(String(error)).to.contain(words).and.contain('LOCK');
    });
  }
});
