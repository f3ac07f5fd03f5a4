// The error of a promise that must be rejected.

/** Returns the message of the error that rejects `promise`. Throws when the promise succeeds. */
export async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('It succeeded');
}
