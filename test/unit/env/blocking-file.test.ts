// BlockingFile: the files of background threads, on a real file system.

import { constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';
import fse from 'fs-extra';

import { BlockingFile } from '../../../src/env/blocking-file.js';

describe('BlockingFile', () => {
  let dir: string;
  before(async () => {
    dir = await fse.mkdtemp(join(tmpdir(), 'cairn-test-'));
  });
  after(() => fse.remove(dir));

  it('does what every File does, and rejects with the code of the system', async () => {
    const path = join(dir, 'file');
    const file = new BlockingFile(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
    expect(await file.write(Buffer.from('0123456789'), 5)).to.equal(10);
    await file.sync();
    expect(await file.size()).to.equal(15);
    const target = Buffer.alloc(20, 0xff);
    expect(await file.read(target, 3), 'only the end of the file makes it short').to.equal(12);
    expect(target.toString('latin1', 0, 12)).to.equal('\0\x000123456789');
    await file.truncate(7);
    expect(await file.size()).to.equal(7);
    expect(await file.isInPlace()).to.equal(true);
    await fse.move(path, `${path}.gone`);
    expect(await file.isInPlace()).to.equal(false);
    await fse.writeFile(path, 'another');
    expect(await file.isInPlace()).to.equal(false);
    await file.close();
    expect(() => new BlockingFile(`${path}.none`, constants.O_RDONLY)).to.throw('ENOENT');
    expect(await file.size().catch((error: unknown) => String(error))).to.include('EBADF');
  });
});
