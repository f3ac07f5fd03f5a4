import { expect } from 'chai';

import { Looks } from '../../../../src/cluster/redis/looks.js';

const KEY = Buffer.from('k');

/** Returns a look, and the function with which the test ends it. */
function opened(said: string[], name: string): { look: () => Promise<string>; end: () => void } {
  let settle: ((said: string) => void) | undefined;
  const ended = new Promise<string>((resolve) => {
    settle = resolve;
  });
  const end = (): void => settle?.(name);
  const look = (): Promise<string> => {
    said.push(name);
    return ended;
  };
  return { look, end };
}

function call(): never {
  return expect.fail('Not to be called');
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

describe('Looks', () => {
  it('take() begins looks side by side while nothing waits', async () => {
    const said: string[] = [];
    const looks = new Looks();
    const [one, two] = [opened(said, 'one'), opened(said, 'two')];
    const both = Promise.all([looks.take(KEY, one.look), looks.take(KEY, two.look)]);
    expect(said).to.deep.equal(['one', 'two']);
    one.end();
    two.end();
    expect(await both).to.deep.equal(['one', 'two']);
  });

  it('holds() lets pass a call without a look, a call of another key, and a read before which nothing waits', () => {
    const looks = new Looks();
    expect(looks.holds(KEY, false, call)).to.equal(false);
    void looks.take(KEY, opened([], 'one').look);
    expect(looks.holds(Buffer.from('other'), false, call)).to.equal(false);
    expect(looks.holds(KEY, true, call)).to.equal(false);
  });

  it('holds() keeps a call that changes the key until the looks end, and all later calls in order', async () => {
    const said: string[] = [];
    const looks = new Looks();
    const [one, two, three] = ['one', 'two', 'three'].map((name) => opened(said, name));
    void looks.take(KEY, one!.look);
    void looks.take(KEY, two!.look);
    const submit = (name: string, onlyReads: boolean): void => {
      if (!looks.holds(KEY, onlyReads, () => submit(name, onlyReads))) said.push(name);
    };
    submit('set', false);
    submit('get', true);
    void looks.take(KEY, three!.look);
    submit('delete', false);
    one!.end();
    await turns();
    expect(said).to.deep.equal(['one', 'two']);
    two!.end();
    await turns();
    expect(said).to.deep.equal(['one', 'two', 'set', 'get', 'three']);
    three!.end();
    await turns();
    expect(said.at(-1)).to.equal('delete');
    expect(looks.holds(KEY, false, () => undefined)).to.equal(false);
  });
});
