import { expect } from 'chai';

import { TextLogger } from '../../src/logger.js';

describe('TextLogger', () => {
  it('one message makes no second line of its own and steers no terminal', () => {
    const lines: string[] = [];
    const logger = new TextLogger(2, (line) => lines.push(line));
    logger.warn('bad\x1b[2J\ncairn: forged', { path: 'a\ncairn: forged\x07', count: 3 });
    logger.notice('started\rcairn: forged');
    expect(lines).to.deep.equal([
      'cairn: warn: bad\\x1b[2J\n  cairn: forged path=a\\x0acairn: forged\\x07 count=3\n',
      'cairn: started\\x0dcairn: forged\n',
    ]);
  });
});
