// What somebody who mistyped a name may have meant, for messages. Pure.

/** More changed letters than this make another word. */
const EDITS_MAX = 3;

/** ` (did you mean keysMax?)`, or nothing when no name is near. Neither letter case nor the order of words counts. */
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

/** The words of `keysMax` or `MAX_KEYS`, in one order. */
function wordsOf(name: string): string {
  const words = name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').split(/[ _-]/);
  return words
    .map((word) => word.toLowerCase())
    .toSorted()
    .join(' ');
}

/** Letters to insert, remove or replace. */
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
