import { expect } from 'chai';

import type { Clock } from '../../../src/env/env.js';
import { Turns } from '../../../src/server/turns.js';

/** A clock that only the test moves; deferred calls run in `turn`. */
class HandClock {
  nowMs = 0;
  #deferred: (() => void)[] = [];
  readonly clock = {
    monotonicMs: () => this.nowMs,
    defer: (call: () => void) => void this.#deferred.push(call),
  } as unknown as Clock;

  turn(): void {
    for (const call of this.#deferred.splice(0)) call();
  }
}

describe('Turns', () => {
  it('yield() runs its calls in order, for some ms of each turn, and calls that come meanwhile last', () => {
    const hand = new HandClock();
    const turns = new Turns(hand.clock);
    const ran: number[] = [];
    const goOn = (n: number) => (): void => {
      ran.push(n);
      hand.nowMs += 2;
      if (n < 4) turns.yield(goOn(n + 10));
    };
    for (let n = 0; n < 8; n++) turns.yield(goOn(n));
    expect(ran).to.deep.equal([]);
    hand.turn();
    expect(ran).to.deep.equal([0, 1, 2]);
    for (let at = 0; at < 9; at++) hand.turn();
    expect(ran).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13]);
  });

  it('isCrowded is true while more calls wait than a turn may hold', () => {
    const hand = new HandClock();
    const turns = new Turns(hand.clock);
    for (let n = 0; n < 31; n++) turns.yield(() => undefined);
    expect(turns.isCrowded).to.equal(false);
    turns.yield(() => undefined);
    expect(turns.isCrowded).to.equal(true);
    hand.turn();
    expect(turns.isCrowded).to.equal(false);
  });

  it('isUp() counts one time for all callers of a turn, and begins again in the next turn', () => {
    const hand = new HandClock();
    const turns = new Turns(hand.clock);
    expect(turns.isUp()).to.equal(false);
    hand.nowMs = 4;
    expect(turns.isUp()).to.equal(false);
    hand.nowMs = 5;
    expect(turns.isUp()).to.equal(true);
    hand.turn();
    expect(turns.isUp()).to.equal(false);
    hand.nowMs = 10;
    expect(turns.isUp()).to.equal(true);
  });

  it('lookRequests is 1 for the first thousand looks at the clock, and 8 later', () => {
    const turns = new Turns(new HandClock().clock);
    for (let n = 0; n < 1000; n++) {
      expect(turns.lookRequests).to.equal(1);
      turns.isUp();
    }
    expect(turns.lookRequests).to.equal(8);
  });

  it('yielded calls get the time that input has left of the turn, and at least 1 ms', () => {
    for (const [inputMs, expected] of [
      [0, 5],
      [4, 3],
      [9, 1],
    ] as const) {
      const hand = new HandClock();
      const turns = new Turns(hand.clock);
      const ran: number[] = [];
      turns.isUp();
      hand.nowMs = inputMs;
      for (let n = 0; n < 8; n++) {
        turns.yield(() => {
          ran.push(n);
          hand.nowMs += 1;
        });
      }
      hand.turn();
      expect(ran, `${inputMs} ms of input`).to.have.length(expected);
    }
  });

  it('isOver() is true when input has come for some ms, and false again in the next turn', () => {
    const hand = new HandClock();
    const turns = new Turns(hand.clock);
    for (let n = 0; n < 64; n++) expect(turns.isOver()).to.equal(false);
    hand.nowMs = 6;
    expect(turns.isOver()).to.equal(false);
    hand.nowMs = 7;
    expect(turns.isOver()).to.equal(true);
    hand.turn();
    expect(turns.isOver()).to.equal(false);
  });
});
