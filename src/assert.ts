// Assertions: always on. A failed assertion is a bug in Cairn, never the fault of the world or of a client. It
// ends the process, because a restart from the log is safe and going on is not (docs/errors.md).

export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) broken(message);
}

/** Fails as an assertion does. On the hot path, `if (…) broken(…)` calls no function as long as all is well. */
export function broken(message: string): never {
  throw new AssertionError(message);
}
