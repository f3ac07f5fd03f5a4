// Is there an order of these operations of one key, each between its call and its return, in which every
// answer is right? Wing and Gong's search with Lowe's memory of (operations placed, state).
//
// An operation whose outcome nobody knows (the process died) may have happened or not, but not after the
// crash: its return. Where nothing ends it (it is under way in a network) the return is Infinity, and it may have
// happened at any later time. Small histories only: at most some hundred operations of a few clients on a key.

export interface Operation<Input, Output> {
  readonly input: Input;
  /** Undefined: nobody was answered. */
  readonly output: Output | undefined;
  /** In the same unit; the call is earlier than the return. */
  readonly callMs: number;
  readonly returnMs: number;
}

/**
 * `step`: the state after an operation, or undefined when that answer is wrong in this state. Without an
 * output any answer is right. `keyOf`: equal for equal states.
 */
interface Model<State, Input, Output> {
  readonly initial: State;
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  keyOf(state: State): string;
}

/** True when there is such an order. Throws when the search takes more than `stepsMax`. */
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
    // Those that were answered come first: most of the others never happened.
    for (const at of inOrder) {
      const operation = operations[at]!;
      if (operation.callMs > firstReturnMs) continue;
      if (((placed >> BigInt(at)) & 1n) !== 0n) continue;
      // One that nobody was answered is not owed; it too has its place before what was called later.
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

/** What clients ask of one key. Values are unique in a history and not empty; `token`: the value last read. */
export type RegisterInput =
  | { readonly do: 'get' }
  | { readonly do: 'delete' }
  | { readonly do: 'incr' }
  | { readonly do: 'set' | 'add' | 'replace' | 'append'; readonly value: string }
  | { readonly do: 'cas'; readonly value: string; readonly token: string };

/** What a get shows (MISSING: nothing) or an incr counted to, or what became of a change. */
export type RegisterOutput =
  { readonly value: string } | { readonly count: string } | { readonly done: Done };
export type Done = 'yes' | 'no' | 'missing';

export const MISSING = '';

/** A key of the store; its state is its value. */
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
