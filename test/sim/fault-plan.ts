// Which operation fails, and how: a list small enough to print with the seed and to replay by hand.

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
 * `at`: the number of the operation, from 1, counted among the `kinds` given (all without).
 * - `error`: fails with `code`; with `forever` all later ones of those kinds too.
 * - `short`: a write of `at` writes only part of what was asked, without an error.
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
  /** How many faults took effect. */
  fired = 0;

  constructor(faults: readonly Fault[] = []) {
    this.faults = faults;
    this.#counts = faults.map(() => 0);
  }

  /** Counts the operation and says what happens to it. */
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

  /** One line without spaces, for a replay. */
  toString(): string {
    return JSON.stringify(this.faults);
  }
}
