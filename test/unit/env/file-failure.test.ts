import { expect } from 'chai';

import { fileFailure, optionFileFailure } from '../../../src/env/file-failure.js';
import { isKvError } from '../../../src/errors.js';
import { exitCodeOf } from '../../../src/exit-codes.js';

function refusal(code: string): Error {
  return Object.assign(new Error(`${code}: open '/f'`), { code, syscall: 'open', path: '/f' });
}

describe('file-failure', () => {
  it('optionFileFailure() tells missing rights (77) from a file that cannot be used (64), and says why', () => {
    for (const [code, exit, words] of [
      ['EACCES', 77, 'permission denied'],
      ['EPERM', 77, 'does not allow'],
      ['ENOENT', 64, 'no such file'],
      ['EISDIR', 64, 'directory'],
    ] as const) {
      const failure = optionFileFailure('The file of -Y', '/f', refusal(code));
      expect(exitCodeOf(failure), code).to.equal(exit);
      expect(failure.message)
        .to.contain('The file of -Y cannot be read: ')
        .and.contain(words)
        .and.not.contain('open');
      expect(failure.path).to.equal('/f');
    }
  });

  it('fileFailure() passes on an error that is no failure of the system', () => {
    const bug = new TypeError('x');
    expect(fileFailure('A file', '/f', bug)).to.equal(bug);
    expect(isKvError(fileFailure('A file', '/f', refusal('ENOSPC')), 'KV_NO_SPACE')).to.equal(true);
  });
});
