import { expect } from 'chai';

import { failureText, KvError } from '../../src/errors.js';
import { EXIT, exitCodeOf } from '../../src/exit-codes.js';
import { fileFailure } from '../../src/env/file-failure.js';

function systemError(code: string, path?: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: of the runtime, open '${path}'`), { code, path });
}

describe('failureText()', () => {
  it('says in words what the system refused, with its path and without the name of a class', () => {
    expect(failureText(systemError('EACCES', '/x/LOCK'))).to.equal(
      '/x/LOCK: permission denied (EACCES)',
    );
    expect(failureText(systemError('ENOSPC'))).to.equal('there is no room on the disk (ENOSPC)');
    expect(failureText(new KvError('KV_IO', 'It broke', { path: '/x' }))).to.equal('It broke (/x)');
    expect(failureText(new TypeError('odd'))).to.equal('odd');
    expect(failureText('text')).to.equal('text');
  });
});

describe('fileFailure()', () => {
  for (const [code, kind, exit] of [
    ['EACCES', 'KV_NO_PERMISSION', EXIT.noPermission],
    ['EPERM', 'KV_NO_PERMISSION', EXIT.noPermission],
    ['EROFS', 'KV_NO_PERMISSION', EXIT.noPermission],
    ['ENOSPC', 'KV_NO_SPACE', EXIT.io],
    ['EDQUOT', 'KV_NO_SPACE', EXIT.io],
    ['ENAMETOOLONG', 'KV_BAD_OPTION', EXIT.usage],
    ['ELOOP', 'KV_BAD_OPTION', EXIT.usage],
    ['ENOTDIR', 'KV_BAD_OPTION', EXIT.usage],
    ['EIO', 'KV_IO', EXIT.io],
    ['EMFILE', 'KV_IO', EXIT.io],
  ] as const) {
    it(`${code} becomes ${kind} with exit code ${exit}, and the message says what failed and where`, () => {
      const error = fileFailure('It cannot be made', '/x', systemError(code)) as KvError;
      expect([error.code, error.path, exitCodeOf(error)]).to.deep.equal([kind, '/x', exit]);
      expect(error.message)
        .to.match(/^It cannot be made: .* \(/)
        .and.contain('(/x)');
    });
  }

  it('passes on a KvError, and an error that is not of the system', () => {
    const known = new KvError('KV_LOCKED', 'x');
    const bug = new TypeError('x');
    expect([fileFailure('w', '/x', known), fileFailure('w', '/x', bug)]).to.deep.equal([
      known,
      bug,
    ]);
  });
});

describe('exitCodeOf()', () => {
  it('gives an exit code for the errors of the system too', () => {
    for (const [code, exit] of [
      ['EROFS', EXIT.noPermission],
      ['EPERM', EXIT.noPermission],
      ['ENOTDIR', EXIT.noInput],
      ['EADDRINUSE', EXIT.system],
      ['ENOSPC', EXIT.io],
      ['ERR_INVALID_ARG_TYPE', EXIT.bug],
    ] as const)
      expect(exitCodeOf(systemError(code)), code).to.equal(exit);
    expect(exitCodeOf(new Error('x'))).to.equal(EXIT.bug);
  });
});
