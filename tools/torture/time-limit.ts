// A limit for what a broken server might never answer: a hang must become a failure with a name.

/** What `work` gives; rejects with `late()` when it takes longer. The work is not ended by that. */
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
