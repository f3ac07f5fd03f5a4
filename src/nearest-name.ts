// Suggestions for mistyped names: finds the name that somebody may have meant, for messages. Pure.

/** Two names that differ in more letters than this are different words. */
const EDITS_MAX = 3;

/** Returns ` (did you mean keysMax?)`, or '' when no name is near. Letter case and the order of words do not count. */
export function suggestion(word: string, names: readonly string[]): string {
  let nearest: string | undefined;
  let fewest = Math.min(EDITS_MAX, Math.ceil(word.length / 2)) + 1;
  for (const name of names) {
    const edits = Math.min(
      editsBetween(word.toLowerCase(), name.toLowerCase()),
      editsBetween(wordsOf(word), wordsOf(name)),
    );
    if (edits < fewest) [nearest, fewest] = [name, edits];
  }
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
}

/** Returns the words of `keysMax` or `MAX_KEYS`, in lower case and sorted. */
function wordsOf(name: string): string {
  const words = name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').split(/[ _-]/);
  return words
    .map((word) => word.toLowerCase())
    .toSorted()
    .join(' ');
}

/** Returns the number of letters to insert, remove or replace. */
function editsBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let at = 1; at <= one.length; at++) {
    const next = [at];
    for (let to = 1; to <= other.length; to++) {
      const replaced = row[to - 1]! + (one[at - 1] === other[to - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[to]! + 1, next[to - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
