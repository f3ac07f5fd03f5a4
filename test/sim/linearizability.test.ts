import { expect } from 'chai';
import * as fc from 'fast-check';

import {
  MISSING,
  REGISTER,
  isLinearizable,
  type Operation,
  type RegisterInput,
  type RegisterOutput,
} from './linearizability.js';

type Op = Operation<RegisterInput, RegisterOutput>;

function op(
  callMs: number,
  returnMs: number,
  input: RegisterInput,
  output: RegisterOutput | undefined,
): Op {
  return { input, output, callMs, returnMs };
}

const YES = { done: 'yes' } as const;

function set(
  callMs: number,
  returnMs: number,
  value: string,
  output: RegisterOutput | undefined = YES,
): Op {
  return op(callMs, returnMs, { do: 'set', value }, output);
}

function get(callMs: number, returnMs: number, value: string): Op {
  return op(callMs, returnMs, { do: 'get' }, { value });
}

function lost(callMs: number, returnMs: number, value: string): Op {
  return op(callMs, returnMs, { do: 'set', value }, undefined);
}

/** Returns an operation that nobody answered and that nothing ends: it may happen at any later time. */
function underWay(callMs: number, value: string): Op {
  return op(callMs, Infinity, { do: 'set', value }, undefined);
}

function incr(callMs: number, returnMs: number, count: string): Op {
  return op(callMs, returnMs, { do: 'incr' }, { count });
}

const GOOD: Readonly<Record<string, Op[]>> = {
  'one after the other': [set(0, 1, 'a'), get(2, 3, 'a'), set(4, 5, 'b'), get(6, 7, 'b')],
  'a read beside a write sees either': [
    set(0, 1, 'a'),
    set(2, 9, 'b'),
    get(3, 4, 'a'),
    get(5, 6, 'b'),
  ],
  'writes side by side in any order': [set(0, 9, 'a'), set(0, 9, 'b'), get(10, 11, 'a')],
  'an unanswered write that happened': [lost(0, 5, 'a'), get(6, 7, 'a')],
  'an unanswered write that did not': [lost(0, 5, 'a'), get(6, 7, MISSING)],
  'a write under way happens long after': [
    set(0, 1, 'a'),
    underWay(2, 'b'),
    get(10, 11, 'a'),
    set(12, 13, 'c'),
    get(14, 15, 'b'),
  ],
  'a write under way never happens': [underWay(0, 'a'), get(10, 11, MISSING), get(20, 21, MISSING)],
  'counters count': [set(0, 1, '7'), incr(2, 9, '9'), incr(2, 9, '8'), get(10, 11, '9')],
  'a cas of what was read': [
    set(0, 1, 'a'),
    op(2, 3, { do: 'cas', value: 'b', token: 'a' }, YES),
    op(4, 5, { do: 'cas', value: 'c', token: 'a' }, { done: 'no' }),
    op(6, 7, { do: 'append', value: 'x' }, YES),
    get(8, 9, 'bx'),
  ],
};

const BAD: Readonly<Record<string, Op[]>> = {
  'an acknowledged write is gone': [set(0, 1, 'a'), get(2, 3, MISSING)],
  'an old value comes back': [set(0, 1, 'a'), set(2, 3, 'b'), get(4, 5, 'a')],
  'a read goes back': [set(0, 1, 'a'), set(2, 20, 'b'), get(3, 4, 'b'), get(5, 6, 'a')],
  'a value that nobody wrote': [set(0, 1, 'a'), get(2, 3, 'z')],
  'an unanswered write is seen, and then is not': [
    lost(0, 5, 'a'),
    get(6, 7, 'a'),
    get(8, 9, MISSING),
  ],
  'an unanswered write happens after the crash': [
    lost(0, 5, 'a'),
    get(6, 7, MISSING),
    get(8, 9, 'a'),
  ],
  'a write under way happens twice': [
    set(0, 1, 'a'),
    underWay(2, 'b'),
    get(10, 11, 'b'),
    set(12, 13, 'c'),
    get(14, 15, 'b'),
  ],
  'two counts of one state': [set(0, 1, '7'), incr(2, 9, '8'), incr(2, 9, '8')],
  'a count that was acknowledged is gone': [set(0, 1, '7'), incr(2, 3, '8'), get(4, 5, '7')],
  'two adds both succeed': [
    op(0, 9, { do: 'add', value: 'a' }, YES),
    op(0, 9, { do: 'add', value: 'b' }, YES),
  ],
  'two cas of one token both succeed': [
    set(0, 1, 'a'),
    op(2, 9, { do: 'cas', value: 'b', token: 'a' }, YES),
    op(2, 9, { do: 'cas', value: 'c', token: 'a' }, YES),
  ],
  'a delete that found nothing': [set(0, 1, 'a'), op(2, 3, { do: 'delete' }, { done: 'missing' })],
};

describe('isLinearizable()', () => {
  for (const [name, history] of Object.entries(GOOD)) {
    it(`accepts: ${name}`, () => {
      expect(isLinearizable(history, REGISTER)).to.equal(true);
    });
  }
  for (const [name, history] of Object.entries(BAD)) {
    it(`rejects: ${name}`, () => {
      expect(isLinearizable(history, REGISTER)).to.equal(false);
    });
  }

  it('accepts the answers of a real register, however calls and returns overlap', () => {
    const step = fc.record({
      kind: fc.constantFrom('set', 'get', 'add', 'delete', 'append'),
      before: fc.nat(30),
      behind: fc.nat(30),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let state = MISSING;
        const history = steps.map(({ kind, before, behind }, at): Op => {
          const value = `${at};`;
          const input =
            kind === 'get' || kind === 'delete'
              ? ({ do: kind } as RegisterInput)
              : ({ do: kind, value } as RegisterInput);
          const outputs: RegisterOutput[] = [
            { value: state },
            ...(['yes', 'no', 'missing'] as const).map((done) => ({ done })),
          ];
          const output = outputs.find(
            (each) =>
              'value' in each === (kind === 'get') &&
              REGISTER.step(state, input, each) !== undefined,
          );
          state = REGISTER.step(state, input, output) ?? state;
          return op(at * 10 - before, at * 10 + behind, input, output);
        });
        expect(isLinearizable(history, REGISTER)).to.equal(true);
        const end = steps.length * 10 + 100;
        expect(isLinearizable([...history, get(end, end + 1, 'never written')], REGISTER)).to.equal(
          false,
        );
      }),
    );
  });

  it('throws when a history is too large for it', () => {
    const history = Array.from({ length: 30 }, (_, at) => set(0, 100, `${at}`));
    history.push(get(101, 102, 'nothing'));
    expect(() => isLinearizable(history, REGISTER, 1000)).to.throw('More than 1000 steps');
  });
});
