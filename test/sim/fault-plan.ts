// The operations that fail, and how each fails: a list small enough to print with the seed and to replay by hand.

export type OperationKind =
  | 'open'
  | 'list'
  | 'makeDir'
  | 'rename'
  | 'remove'
  | 'syncDir'
  | 'lock'
  | 'freeBytes'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'size'
  | 'close';

export type FaultCode = 'EIO' | 'ENOSPC' | 'EMFILE' | 'EROFS';

/**
 * `at`: the number of the operation, from 1, counted among the `kinds` given (among all operations when there are none).
 * - `error`: the operation fails with `code`; with `forever` all later operations of those kinds fail too.
 * - `short`: a write of `at` writes only a part of its bytes, without an error.
 * - `crash`: the power is lost before, during or after the operation.
 */
export interface Fault {
  readonly at: number;
  readonly kinds?: readonly OperationKind[];
  readonly effect:
    | { readonly kind: 'error'; readonly code: FaultCode; readonly forever?: boolean }
    | { readonly kind: 'short' }
    | { readonly kind: 'crash'; readonly when: 'before' | 'during' | 'after' };
}

export type FaultEffect = Fault['effect'];

export class FaultPlan {
  readonly faults: readonly Fault[];
  readonly #counts: number[];
  /** The number of faults that took effect. */
  fired = 0;

  constructor(faults: readonly Fault[] = []) {
    this.faults = faults;
    this.#counts = faults.map(() => 0);
  }

  /** Counts the operation and returns what happens to it. */
  next(kind: OperationKind): FaultEffect | undefined {
    let found: FaultEffect | undefined;
    this.faults.forEach((fault, index) => {
      if (fault.kinds !== undefined && !fault.kinds.includes(kind)) return;
      const count = (this.#counts[index] = (this.#counts[index] ?? 0) + 1);
      const lasts = fault.effect.kind === 'error' && fault.effect.forever === true;
      if (count === fault.at || (lasts && count > fault.at)) found ??= fault.effect;
    });
    if (found !== undefined) this.fired++;
    return found;
  }

  /** Returns the plan in one line without spaces, for a replay. */
  toString(): string {
    return JSON.stringify(this.faults);
  }
}
