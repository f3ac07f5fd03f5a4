import { expect } from 'chai';

import { KvError } from '../../../../src/errors.js';
import { EXIT } from '../../../../src/exit-codes.js';
import { exitCodeOfFailure, ToolError } from '../../../../tools/terminal/program.js';

function system(code: string): Error {
  return Object.assign(new Error(code), { code });
}

describe('exitCodeOfFailure()', () => {
  it('tells failures of the system from bugs', () => {
    expect(exitCodeOfFailure(new ToolError(EXIT.unreachable, 'x'))).to.equal(69);
    expect(exitCodeOfFailure(new KvError('KV_LOCKED', 'x'))).to.equal(75);
    expect(exitCodeOfFailure(system('ENOENT'))).to.equal(66);
    expect(exitCodeOfFailure(system('EACCES'))).to.equal(77);
    expect(exitCodeOfFailure(system('EIO'))).to.equal(74);
    expect(exitCodeOfFailure(system('ERR_INVALID_ARG_TYPE'))).to.equal(70);
    expect(exitCodeOfFailure(new TypeError('x'))).to.equal(70);
    expect(exitCodeOfFailure('x')).to.equal(70);
  });
});
