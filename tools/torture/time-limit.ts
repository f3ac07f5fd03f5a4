// A time limit for a broken server that might never answer: a hang must become a failure with a name.

/** Returns the result of `work`; rejects with `late()` when it takes longer. The work itself goes on. */
export async function withinTime<T>(
  limitMs: number,
  work: Promise<T>,
  late: () => Error,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), limitMs);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}
