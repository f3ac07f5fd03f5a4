import { Writable } from 'node:stream';

import { expect } from 'chai';

import { LogOutput } from '../../../src/process/log-output.js';

type Done = (error?: Error | null) => void;

/** A stream whose writes end as `end` says; `destroy` has no effect, as that of process.stderr. */
function streamOf(end: (text: string, done: Done) => void): Writable {
  return new Writable({
    autoDestroy: false,
    decodeStrings: false,
    write: (text: string, _encoding, done) => end(text, done),
  });
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('LogOutput', () => {
  it('counts the messages that cannot be written, and says so with the next one that can be written', async () => {
    const written: string[] = [];
    let isFull = false;
    const stream = new Writable({
      decodeStrings: false,
      write(text: string, _encoding, done) {
        if (isFull) return done(new Error('ENOSPC'));
        written.push(text);
        done();
      },
      destroy(error, done) {
        // This stream stays open, as process.stderr does.
        done(error);
        (this as unknown as { _undestroy(): void })._undestroy();
      },
    });
    const { write } = new LogOutput(stream);
    write('one\n');
    isFull = true;
    write('two\n');
    await turn();
    write('three\n');
    await turn();
    isFull = false;
    write('four\n');
    await turn();
    expect(written).to.deep.equal([
      'one\n',
      'cairn: warn: 2 messages could not be written here\nfour\n',
    ]);
  });

  it('does not wait for a reader that does not read, and bounds the bytes that wait for it', async () => {
    let taken = '';
    let resume: Done | undefined;
    const stream = streamOf((text, done) => {
      taken = text;
      resume = done;
    });
    const { write } = new LogOutput(stream);
    const line = `${'x'.repeat(1023)}\n`;
    for (let at = 0; at < 1000; at++) write(line);
    expect(stream.writableLength).to.be.lessThan(300 * 1024);
    while (stream.writableLength > 0) {
      const done = resume;
      resume = undefined;
      done?.();
      await turn();
    }
    write('last\n');
    expect(taken).to.match(/^cairn: warn: 7\d\d messages could not be written here\nlast\n$/);
  });

  it('tolerates a stream that throws', () => {
    const stream = streamOf(() => {
      throw new Error('EIO');
    });
    const { write } = new LogOutput(stream);
    expect(() => write('x\n')).to.not.throw();
  });
});
