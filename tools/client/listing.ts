// Listings of a server as kv-client shows them: keys that match a pattern, counters in groups, and suggestions for
// mistyped names. Pure.

/** The groups of the table of `stats`, in its order. Counters that match none come last. */
const STAT_GROUPS: readonly (readonly [string, RegExp])[] = [
  ['process', /^(?:pid|uptime|time|version|libevent|pointer_size|rusage_\w+|threads)$/],
  ['connections', /conn|listen|^read_buf|^response_obj|yields/],
  ['items', /^(?:bytes|curr_items|total_items|limit_maxbytes|evict\w*|reclaimed|expired\w*)$/],
  ['commands', /^(?:cmd|get|delete|incr|decr|cas|touch|auth|store)_/],
  ['traffic', /^bytes_/],
  ['store', /^kv_|^extstore_/],
];
const OTHER_GROUP = 'other';
const DISTANCE_MAX = 2;

/** Returns rows of group, name and value; only the first row of a group has its name. */
export function groupStats(pairs: readonly (readonly [string, string])[]): string[][] {
  const groupOf = (name: string): string =>
    STAT_GROUPS.find(([, pattern]) => pattern.test(name))?.[0] ?? OTHER_GROUP;
  return [...STAT_GROUPS.map(([group]) => group), OTHER_GROUP].flatMap((group) =>
    pairs
      .filter(([name]) => groupOf(name) === group)
      .map(([name, value], at) => [at === 0 ? group : '', name, value]),
  );
}

/** Returns a filter for keys that begin with the text. A text with `*`, `?` or `[` is a shell pattern instead. */
export function keyFilter(pattern: string): (key: Buffer) => boolean {
  const bytes = Buffer.from(pattern);
  if (!/[*?[\\]/.test(pattern)) return (key) => key.subarray(0, bytes.length).equals(bytes);
  // Each byte becomes a character, so that the pattern can match any key.
  const source = bytes
    .toString('latin1')
    .replaceAll(/\\([^])|\[(!?)([^\]]+)\]|([^])/g, (_, escaped, not, set, char) =>
      escaped !== undefined
        ? quoted(escaped as string)
        : set !== undefined
          ? `[${not === '!' ? '^' : ''}${(set as string).replaceAll(/[\\^]/g, String.raw`\$&`)}]`
          : char === '*'
            ? '[^]*'
            : char === '?'
              ? '[^]'
              : quoted(char as string),
    );
  const expression = new RegExp(`^${source}$`);
  return (key) => expression.test(key.toString('latin1'));
}

/** Returns the key of a row of metadump; undefined for any other line. */
export function keyOfRow(row: string): Buffer | undefined {
  const key = /^key=(\S*)/.exec(row)?.[1];
  return key === undefined ? undefined : percentDecoded(key);
}

/** Returns the name that a user probably meant; undefined when none is near. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const near = names
    .map((name) => ({ name, far: distance(word, name) }))
    .filter(({ name, far }) => far <= DISTANCE_MAX && far < name.length / 2)
    .sort((a, b) => a.far - b.far);
  return near[0]?.name;
}

function quoted(char: string): string {
  return char.replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`);
}

/** Returns how many letters must be changed, added, left out, or swapped with the next one. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(changed, rows[i - 1]![j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      row.push(best);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

function percentDecoded(text: string): Buffer {
  if (!text.includes('%')) return Buffer.from(text);
  const pieces = text
    .split(/(%[0-9a-fA-F]{2})/)
    .map((piece) =>
      /^%[0-9a-fA-F]{2}$/.test(piece) ? Buffer.from(piece.slice(1), 'hex') : Buffer.from(piece),
    );
  return Buffer.concat(pieces);
}
