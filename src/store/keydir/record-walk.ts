// Record walk: visits all records of the keydir in the order of their refs (record.ts has the layout). Also defines
// the size of a page and the place of its first record.

export const PAGE_BITS = 18;
export const PAGE_WORDS = 1 << PAGE_BITS;
export const WORD_MASK = PAGE_WORDS - 1;

/** The first word of page 0 is never used, because ref 0 means no ref. */
export function firstRecordWord(page: number): number {
  return page === 0 ? 1 : 0;
}

/** See Keydir.walk. */
export function walkRecords(
  pages: readonly (Uint32Array | undefined)[],
  headerWords: number,
  cursor: number,
  budget: number,
  visit: (ref: number) => void,
): number {
  let page = cursor >>> PAGE_BITS;
  let at = boundary(pages, headerWords, cursor);
  for (let left = budget; left > 0 && page < pages.length; left -= 1) {
    const words = pages[page];
    const head = words !== undefined && at < PAGE_WORDS ? words[at]! : 0;
    if (head === 0) {
      page += 1;
      at = 0;
      continue;
    }
    const ref = page * PAGE_WORDS + at;
    at += sizeOf(head, headerWords);
    if (head >>> 16 === 0) continue;
    visit(ref);
    // `visit` removed the page. Another page may have its number now, of which nothing has been visited.
    if (pages[page] !== words) at = firstRecordWord(page);
  }
  return page < pages.length ? page * PAGE_WORDS + at : 0;
}

/** Returns the first start of a record at or after `cursor` in its page: a cursor may come from a client. */
function boundary(
  pages: readonly (Uint32Array | undefined)[],
  headerWords: number,
  cursor: number,
): number {
  const words = pages[cursor >>> PAGE_BITS];
  let at = firstRecordWord(cursor >>> PAGE_BITS);
  if (words === undefined) return at;
  while (at < (cursor & WORD_MASK) && words[at] !== 0) at += sizeOf(words[at]!, headerWords);
  return at;
}

/** Returns the number of words of the record, live or free, that begins with `head`. */
function sizeOf(head: number, headerWords: number): number {
  const keyLength = head >>> 16;
  return keyLength === 0 ? head : headerWords + ((keyLength + 3) >>> 2);
}
