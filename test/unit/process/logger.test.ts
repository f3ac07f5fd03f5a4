import { expect } from 'chai';

import { TextLogger } from '../../../src/process/logger.js';

describe('TextLogger', () => {
  it('one message makes no second line of its own and steers no terminal', () => {
    const lines: string[] = [];
    const logger = new TextLogger(
      2,
      (line) => void lines.push(line),
      () => 0,
    );
    logger.warn('bad\x1b[2J\ncairn: forged', { path: 'a\ncairn: forged\x07', count: 3 });
    logger.notice('started\rcairn: forged');
    expect(lines).to.deep.equal([
      'cairn: warn: bad\\x1b[2J\n  cairn: forged path=a\\x0acairn: forged\\x07 count=3\n',
      'cairn: started\\x0dcairn: forged\n',
    ]);
  });

  it('warn() says a warning that keeps coming once a minute, with its count', () => {
    const lines: string[] = [];
    let nowMs = 0;
    const logger = new TextLogger(
      0,
      (line) => void lines.push(line),
      () => nowMs,
    );
    for (let at = 0; at < 654; at++) logger.warn('the same', { path: 'x' });
    logger.warn('another');
    nowMs = 60_000;
    logger.warn('the same', { path: 'x' });
    expect(lines).to.deep.equal([
      'cairn: warn: the same path=x\n',
      'cairn: warn: another\n',
      'cairn: warn: the same path=x (and 653 times before)\n',
    ]);
    for (let at = 0; at < 1000; at++) logger.warn(`number ${at}`);
    expect(lines).to.have.length(1003);
    logger.error('never held back');
    logger.error('never held back');
    expect(lines).to.have.length(1005);
  });
});
