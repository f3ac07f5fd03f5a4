// Searches for an order of these operations on one key, each between its call and its return, in which every answer is
// right. It is Wing and Gong's search with Lowe's memory of (operations placed, state).
//
// An operation with an unknown outcome (the process died) may have happened or not, but not after the crash, which is its
// return. When nothing ends an operation (it is under way in a network), its return is Infinity, and it may have happened
// at any later time. Histories must be small: at most some hundred operations of a few clients on a key.

export interface Operation<Input, Output> {
  readonly input: Input;
  /** The answer; undefined: there was none. */
  readonly output: Output | undefined;
  /** The time of the return, in the same unit; the call is earlier than the return. */
  readonly callMs: number;
  readonly returnMs: number;
}

/**
 * `step`: returns the state after an operation, or undefined when that answer is wrong in this state. Without an output
 * any answer is right. `keyOf`: equal for equal states.
 */
interface Model<State, Input, Output> {
  readonly initial: State;
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  keyOf(state: State): string;
}

/** Returns true when there is such an order. Throws when the search takes more than `stepsMax` steps. */
export function isLinearizable<State, Input, Output>(
  history: readonly Operation<Input, Output>[],
  model: Model<State, Input, Output>,
  stepsMax = 2_000_000,
): boolean {
  const operations = history.toSorted((a, b) => a.callMs - b.callMs);
  const isAnswered = (at: number): boolean => operations[at]?.output !== undefined;
  const all = [...operations.keys()];
  const inOrder = [...all.filter(isAnswered), ...all.filter((at) => !isAnswered(at))];
  const seen = new Set<string>();
  let steps = 0;

  const search = (state: State, placed: bigint, lastCallMs: number): boolean => {
    if (++steps > stepsMax) throw new Error(`More than ${stepsMax} steps`);
    const memory = `${placed.toString(36)} ${model.keyOf(state)}`;
    if (seen.has(memory)) return false;
    seen.add(memory);
    const open = operations.filter((_, at) => ((placed >> BigInt(at)) & 1n) === 0n);
    const owed = open.filter(({ output }) => output !== undefined);
    if (owed.length === 0) return true;
    const firstReturnMs = owed.reduce((least, { returnMs }) => Math.min(least, returnMs), Infinity);
    // Answered operations come first, because most of the unanswered ones never happened.
    for (const at of inOrder) {
      const operation = operations[at]!;
      if (operation.callMs > firstReturnMs) continue;
      if (((placed >> BigInt(at)) & 1n) !== 0n) continue;
      // An unanswered operation need not have happened; it too has its place before operations that were called later.
      if (operation.returnMs < lastCallMs) continue;
      const next = model.step(state, operation.input, operation.output);
      if (next === undefined) continue;
      const last = Math.max(lastCallMs, operation.callMs);
      if (search(next, placed | (1n << BigInt(at)), last)) return true;
    }
    return false;
  };

  return search(model.initial, 0n, -Infinity);
}

/** The operations of clients on one key. Values are unique in a history and not empty; `token`: the value last read. */
export type RegisterInput =
  | { readonly do: 'get' }
  | { readonly do: 'delete' }
  | { readonly do: 'incr' }
  | { readonly do: 'set' | 'add' | 'replace' | 'append'; readonly value: string }
  | { readonly do: 'cas'; readonly value: string; readonly token: string };

/** The value that a get shows (MISSING: none), the number that an incr counted to, or the outcome of a change. */
export type RegisterOutput =
  { readonly value: string } | { readonly count: string } | { readonly done: Done };
export type Done = 'yes' | 'no' | 'missing';

export const MISSING = '';

/** The model of one key of the store; its state is its value. */
export const REGISTER: Model<string, RegisterInput, RegisterOutput> = {
  initial: MISSING,
  keyOf: (state) => state,
  step(state, input, output) {
    const [done, next] = applied(state, input);
    return output === undefined || isRight(output, done, state, next) ? next : undefined;
  },
};

function isRight(output: RegisterOutput, done: Done, state: string, next: string): boolean {
  if ('value' in output) return output.value === state;
  return 'count' in output ? done === 'yes' && output.count === next : output.done === done;
}

function applied(state: string, input: RegisterInput): [Done, string] {
  const exists = state !== MISSING;
  switch (input.do) {
    case 'get':
      return ['yes', state];
    case 'set':
      return ['yes', input.value];
    case 'add':
      return exists ? ['no', state] : ['yes', input.value];
    case 'replace':
      return exists ? ['yes', input.value] : ['no', state];
    case 'append':
      return exists ? ['yes', state + input.value] : ['no', state];
    case 'incr':
      return exists ? ['yes', String(Number(state) + 1)] : ['missing', state];
    case 'delete':
      return [exists ? 'yes' : 'missing', MISSING];
    default:
      if (!exists) return ['missing', state];
      return state === input.token ? ['yes', input.value] : ['no', state];
  }
}
