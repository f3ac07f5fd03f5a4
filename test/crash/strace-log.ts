// Reads the output of `strace -f` of a running server and finds each STORED that left before the synchronous write of its
// record had completed. It recognizes keys by their form `gate-<connection>-<number>-`.
//
// Invariant: strace prints events of all threads in one order. It prints a call's start and its end on lines of their own
// (`<unfinished ...>`, `<... resumed>`) when other events come between.

interface Call {
  readonly name: string;
  readonly args: string;
  /** The result; undefined at the start of a call. */
  readonly result: number | undefined;
}

const KEY = /gate-\d+-\d+-/g;

/** Yields starts and ends of calls, in their order; a call on one line is both. */
function* callsIn(trace: string): Generator<Call> {
  const begun = new Map<string, { name: string; args: string }>();
  for (const line of trace.split('\n')) {
    const resumed = /^(\d+) +<\.\.\. (\w+) resumed>(.*)= (-?\d+)/.exec(line);
    if (resumed !== null) {
      const [, thread = '', name = '', rest = '', result] = resumed;
      const args = (begun.get(thread)?.args ?? '') + rest;
      begun.delete(thread);
      yield { name, args, result: Number(result) };
      continue;
    }
    const found = /^(\d+) +(\w+)\((.*?)(<unfinished \.\.\.>|\) += (-?\d+).*)$/.exec(line);
    if (found === null) continue;
    const [, thread = '', name = '', args = '', , result] = found;
    yield { name, args, result: undefined };
    if (result === undefined) begun.set(thread, { name, args });
    else yield { name, args, result: Number(result) };
  }
}

/** Counts the STORED replies, and names the keys whose reply left too early. */
export function unsyncedReplies(trace: string): { replies: number; unsynced: string[] } {
  const synchronous = new Set<number>();
  const durable = new Set<string>();
  /** Keys that a connection asked to store and that are not answered yet, by descriptor. */
  const asked = new Map<number, string[]>();
  const unsynced: string[] = [];
  let replies = 0;
  for (const { name, args, result } of callsIn(trace)) {
    const descriptor = Number.parseInt(args, 10);
    if (result === undefined) {
      if (!/^(write|writev|sendto|sendmsg)$/.test(name) || !asked.has(descriptor)) continue;
      for (const _ of args.matchAll(/STORED/g)) {
        replies += 1;
        const key = asked.get(descriptor)?.shift();
        if (key === undefined || !durable.has(key)) unsynced.push(`${key}`);
      }
    } else if (name === 'openat') {
      if (args.includes('O_DSYNC')) synchronous.add(result);
      else synchronous.delete(result);
    } else if (name === 'close') {
      synchronous.delete(descriptor);
    } else if (name === 'read') {
      const keys = [...args.matchAll(KEY)].map(([key]) => key);
      if (keys.length > 0) asked.set(descriptor, [...(asked.get(descriptor) ?? []), ...keys]);
    } else if (name.startsWith('pwrite') && synchronous.has(descriptor)) {
      const wanted = Number(/, (\d+), \d+\s*\)?\s*$/.exec(args)?.[1]);
      if (result !== wanted) continue;
      for (const [key] of args.matchAll(KEY)) durable.add(key);
    }
  }
  return { replies, unsynced };
}
