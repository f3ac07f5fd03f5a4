// A row of the fault matrix in docs/reliability.md: a fault, what must happen, and the code that tries it. The same rows
// run as tests (fast) and as `npm run reliability` (fast or long), so that the table in the document shows exactly what
// was run.

export interface Budget {
  /** fast: runs in every CI, and takes at most some seconds per row. long: takes as long as a good figure needs. */
  readonly tier: 'fast' | 'long';
  readonly seed: number;
  /** The part of the row to try, as a failure named it; undefined for the whole row. */
  readonly only?: string | undefined;
}

export interface Tried {
  /** The number of times that the fault struck. */
  readonly tried: number;
  /** One line for each time the requirement was broken; empty when all is well. */
  readonly failures: readonly string[];
  /** The measurement for the table: "1,200 connections trickling, neighbour's p99 1.1 times". */
  readonly figure: string;
}

/**
 * The things that this machine lacks, Debian packages by their names: "strace", "gcc, libfuse3-dev", "root". The row is
 * reported as skipped, never as passed.
 */
export interface Skipped {
  readonly needs: string;
}

export interface FaultRow {
  /** A short and unique name for --row: "torn-tail". */
  readonly name: string;
  readonly fault: string;
  readonly required: string;
  /** The way the fault is injected: "simulation", "strace", "tmpfs of 24 MB". */
  readonly injection: string;
  try(budget: Budget): Promise<Tried | Skipped>;
}

/** Tries a row. Whatever the row throws, above all a hang, is a failure with its seed. */
export async function tryRow(row: FaultRow, budget: Budget): Promise<Tried | Skipped> {
  try {
    return await row.try(budget);
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { tried: 1, failures: [`seed ${budget.seed}: ${what}`], figure: 'given up' };
  }
}
