// The memory of what a reader saw: such a key must not be gone later, nor be refused.

import { expect } from 'chai';

import type { Answer } from './session.js';
import { UniqueKeys } from './unique-keys.js';

const REFUSED: Answer = { kind: 'refused', reply: 'SERVER_ERROR busy' };

/** A server that shows a write before it answers it with `answer`, and in the end holds the key when `isThere`. */
async function judgeSeen(answer: Answer, isThere: boolean): Promise<string[]> {
  const keys = new UniqueKeys('w', 'test');
  const stop = new AbortController();
  let stored = '';
  let answered: ((answer: Answer) => void) | undefined;
  const shown = (): string => `VALUE {w}:test:0 0 100\r\n${stored}\r\nEND`;
  const writing = keys.write(
    {
      line: (request) => {
        stored = request.split('\r\n')[1]!;
        return new Promise((resolve) => (answered = resolve));
      },
      list: () => Promise.reject(new Error('It does not read')),
    },
    1,
    stop.signal,
  );
  await keys.look(
    {
      line: () => Promise.reject(new Error('It does not write')),
      list: () => {
        stop.abort();
        return Promise.resolve({ kind: 'answered', reply: shown() });
      },
    },
    stop.signal,
  );
  answered?.(answer);
  await writing;
  const list = (): Promise<Answer> =>
    Promise.resolve({ kind: 'answered', reply: isThere ? shown() : 'END' });
  const found = await keys.judge({ line: list, list });
  expect(found.seen).to.equal(1);
  return [...found.lost, ...found.seenAndGone.map((key) => `${key} seen`), ...found.invented];
}

describe('UniqueKeys', () => {
  it('accepts a write that was seen and is there, whatever its writer was answered', async () => {
    expect(await judgeSeen({ kind: 'unknown' }, true)).to.deep.equal([]);
  });

  it('finds a write that was seen and is gone', async () => {
    expect(await judgeSeen({ kind: 'unknown' }, false)).to.deep.equal(['{w}:test:0 seen']);
  });

  it('finds a write that was acknowledged and is gone', async () => {
    expect(await judgeSeen({ kind: 'answered', reply: 'STORED' }, false)).to.deep.equal([
      '{w}:test:0',
    ]);
  });

  it('finds a write that was refused and is there', async () => {
    const found = ['{w}:test:0 was seen and refused', '{w}:test:0 was refused'];
    expect(await judgeSeen(REFUSED, true)).to.deep.equal(found);
  });
});
