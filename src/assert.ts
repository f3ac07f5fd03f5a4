// Assertions: always on. A failed one is a bug in Cairn, never the world's fault or the client's, and
// ends the process: a restart from the log is safe, going on is not (docs/errors.md).

export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) broken(message);
}

/** As a failed assertion: on the way of a request `if (…) broken(…)` enters no function for what never happens. */
export function broken(message: string): never {
  throw new AssertionError(message);
}
