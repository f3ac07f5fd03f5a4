import { expect } from 'chai';

import { TextLogger } from '../../../src/process/logger.js';

const FORM = { format: 'text', wallMs: () => 1_800_000_000_123 } as const;
const TIME = '2027-01-15T08:00:00.123Z';

describe('TextLogger', () => {
  it('warn() and notice() let no message forge a line or control a terminal', () => {
    const lines: string[] = [];
    const logger = new TextLogger(
      2,
      (line) => void lines.push(line),
      () => 0,
      FORM,
    );
    logger.warn('bad\x1b[2J\ncairn: forged', { path: 'a\ncairn: forged\x07', count: 3 });
    logger.notice('started\rcairn: forged');
    expect(lines).to.deep.equal([
      `${TIME} cairn: warn: bad\\x1b[2J\n  cairn: forged path=a\\x0acairn: forged\\x07 count=3\n`,
      `${TIME} cairn: started\\x0dcairn: forged\n`,
    ]);
  });

  it('warn() writes a repeated warning once per minute, with its count', () => {
    const lines: string[] = [];
    let nowMs = 0;
    const logger = new TextLogger(
      0,
      (line) => void lines.push(line),
      () => nowMs,
      FORM,
    );
    for (let at = 0; at < 654; at++) logger.warn('the same', { path: 'x' });
    logger.warn('another');
    nowMs = 60_000;
    logger.warn('the same', { path: 'x' });
    expect(lines).to.deep.equal([
      `${TIME} cairn: warn: the same path=x\n`,
      `${TIME} cairn: warn: another\n`,
      `${TIME} cairn: warn: the same path=x (and 653 times before)\n`,
    ]);
    for (let at = 0; at < 1000; at++) logger.warn(`number ${at}`);
    expect(lines).to.have.length(1003);
    logger.error('never held back');
    logger.error('never held back');
    expect(lines).to.have.length(1005);
  });

  it('writes each message with the format json as one object on one line, whatever it says', () => {
    const lines: string[] = [];
    const logger = new TextLogger(
      2,
      (line) => void lines.push(line),
      () => 0,
      { ...FORM, format: 'json' },
    );
    logger.warn('bad\x1b[2J\n"forged"', { path: 'a\nb\x9b', count: 3 });
    logger.warn('bad\x1b[2J\n"forged"', { path: 'a\nb\x9b', count: 3 });
    logger.notice('started');
    for (const line of lines) expect(line).to.match(/^[ -~]+\n$/);
    const time = TIME;
    expect(lines.map((line) => JSON.parse(line) as unknown)).to.deep.equal([
      { time, level: 'warn', message: 'bad\x1b[2J\n"forged"', path: 'a\nb\x9b', count: 3 },
      { time, level: 'notice', message: 'started' },
    ]);
  });
});
