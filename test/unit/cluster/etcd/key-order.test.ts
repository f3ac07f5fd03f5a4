import { expect } from 'chai';

import { KeyOrder, type Queued } from '../../../../src/cluster/etcd/key-order.js';

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

describe('KeyOrder', () => {
  const begun: string[] = [];
  beforeEach(() => void begun.splice(0));

  class Call implements Queued<string> {
    readonly name: string;
    readonly label: string;
    following: Queued<string> | undefined = undefined;

    constructor(label: string) {
      this.label = label;
      this.name = label[0]!;
    }

    begin(guess: string | undefined): void {
      begun.push(guess === undefined ? this.label : `${this.label}(${guess})`);
    }
  }

  it('add() begins a call when the earlier calls of its key are finished, and otherwise at once', () => {
    const order = new KeyOrder<string>();
    const [a1, a2, a3, b1] = ['a1', 'a2', 'a3', 'b1'].map((label) => new Call(label));
    for (const call of [a1!, a2!, a3!, b1!]) order.add(call);
    expect(begun).to.deep.equal(['a1', 'b1']);
    order.finished(b1!, undefined);
    order.finished(a1!, 'left');
    expect(begun).to.deep.equal(['a1', 'b1', 'a2(left)']);
    expect(order.lastOf('a')).to.equal(a3);
    expect(order.lastOf('b')).to.equal(undefined);
    order.finished(a2!, undefined);
    order.finished(a3!, undefined);
    expect(order.keys).to.equal(0);
    expect(begun.at(-1)).to.equal('a3');
  });

  it('barrier() separates the calls before it from the calls after it, and two barriers keep their order', async () => {
    const order = new KeyOrder<string>();
    const [a1, b1, c1] = ['a1', 'b1', 'c1'].map((label) => new Call(label));
    order.add(a1!);
    const ends: (() => void)[] = [];
    const barrier = (label: string): Promise<void> =>
      order.barrier(() => {
        begun.push(label);
        return new Promise((resolve) => ends.push(resolve));
      });
    const first = barrier('first');
    order.add(b1!);
    expect(order.lastOf('a')).to.equal(undefined);
    const second = barrier('second');
    order.add(c1!);
    await turn();
    expect(begun).to.deep.equal(['a1']);
    order.finished(a1!, undefined);
    await turn();
    expect(begun).to.deep.equal(['a1', 'first']);
    ends.shift()!();
    await first;
    expect(begun).to.deep.equal(['a1', 'first', 'b1']);
    order.finished(b1!, undefined);
    await turn();
    expect(begun).to.deep.equal(['a1', 'first', 'b1', 'second']);
    ends.shift()!();
    await second;
    expect(begun.at(-1)).to.equal('c1');
  });
});
