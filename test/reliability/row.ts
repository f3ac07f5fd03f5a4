// A row of the fault matrix in docs/reliability.md: a fault, what must happen, and the code that tries it.
// The same rows run as tests (fast) and as `npm run reliability` (fast or long), so that the table in the
// document is what was run and nothing else.

export interface Budget {
  /** fast: in every CI, at most some seconds a row. long: as much as a figure deserves. */
  readonly tier: 'fast' | 'long';
  readonly seed: number;
  /** A part of the row, as a failure named it; undefined for all of it. */
  readonly only?: string | undefined;
}

export interface Tried {
  /** How often the fault struck. */
  readonly tried: number;
  /** One line for each time the requirement was broken; none when all is well. */
  readonly failures: readonly string[];
  /** What was measured, for the table: "1,200 connections trickling, neighbour's p99 1.1 times". */
  readonly figure: string;
}

/** What this machine lacks, Debian packages by their names: "strace", "gcc, libfuse3-dev", "root". The row is reported as skipped, never as passed. */
export interface Skipped {
  readonly needs: string;
}

export interface FaultRow {
  /** Short and unique, for --row: "torn-tail". */
  readonly name: string;
  readonly fault: string;
  readonly required: string;
  /** How it is injected: "simulation", "strace", "tmpfs of 24 MB". */
  readonly injection: string;
  try(budget: Budget): Promise<Tried | Skipped>;
}

/** Tries a row. What it throws, a hang above all, is a failure with its seed. */
export async function tryRow(row: FaultRow, budget: Budget): Promise<Tried | Skipped> {
  try {
    return await row.try(budget);
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { tried: 1, failures: [`seed ${budget.seed}: ${what}`], figure: 'given up' };
  }
}
