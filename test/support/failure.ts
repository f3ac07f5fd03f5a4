// What a promise that must be rejected was rejected with.

/** The message of the error that `promise` ends with. Throws when it succeeds. */
export async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('It succeeded');
}
