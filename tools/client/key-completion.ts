// Completion of keys by Tab: a listing of the server over a connection of its own, which is closed as soon as enough
// is known. The prompt's own connection cannot serve, because it may wait for a reply, and because only the end of
// its connection ends a listing.
//
// Invariants: at most SHOWN_KEYS_MAX keys are kept, and the wait is at most COMPLETION_MS_MAX, however large the
// store is. A server that does not list keys, or any failure, completes nothing and prints nothing.

import { printable } from '../../src/printable.js';
import type { Connection } from './connection.js';
import { keyOfRow } from './listing.js';

export const SHOWN_KEYS_MAX = 100;
const COMPLETION_MS_MAX = 500;
/** Stands behind the keys when there are more. No key begins with it, so readline inserts nothing either. */
const MORE = '…';
const LIST_ALL = Buffer.from('lru_crawler metadump all\r\n');

type Progress = 'more' | 'enough' | 'ended' | 'failed';

/** The keys of one listing that have a prefix, from the bytes as they come. */
export class KeyListing {
  readonly #beginning: string;
  readonly #keys: string[] = [];
  #shared: string | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #progress: Progress = 'more';

  constructor(beginning: string) {
    this.#beginning = beginning;
  }

  /** Returns `more` while the listing goes on and further bytes matter. */
  push(bytes: Buffer): Progress {
    const lines = Buffer.concat([this.#rest, bytes]);
    let start = 0;
    for (let end = lines.indexOf(0x0a); end >= 0; end = lines.indexOf(0x0a, start)) {
      if (this.#progress !== 'more') break;
      this.#progress = this.#row(lines.toString('utf8', start, end).trimEnd());
      start = end + 1;
    }
    this.#rest = lines.subarray(start);
    return this.#progress;
  }

  /** Returns the candidates for Tab, as far as the listing has come. */
  candidates(): string[] {
    if (this.#progress === 'failed' || this.#shared === undefined) return [];
    if (this.#progress !== 'ended') return [...this.#keys, MORE];
    if (this.#keys.length === 1) return [`${this.#shared} `];
    return this.#keys.length < SHOWN_KEYS_MAX ? this.#keys : [this.#shared];
  }

  #row(row: string): Progress {
    const key = keyOfRow(row);
    if (key === undefined) return row === 'OK' ? 'more' : row === 'END' ? 'ended' : 'failed';
    const text = key.toString();
    if (!text.startsWith(this.#beginning) || !canBeTyped(text)) return 'more';
    this.#shared = this.#shared === undefined ? text : sharedBeginning(this.#shared, text);
    if (this.#keys.length < SHOWN_KEYS_MAX) this.#keys.push(text);
    const isKnown = this.#keys.length === SHOWN_KEYS_MAX && this.#shared === this.#beginning;
    return isKnown ? 'enough' : 'more';
  }
}

/** Returns keys of the server that have a prefix, for completion. Never rejects. */
export async function completeKey(
  beginning: string,
  connect: (timeoutMsMax: number) => Promise<Connection>,
): Promise<string[]> {
  const listing = new KeyListing(beginning);
  const deadline = AbortSignal.timeout(COMPLETION_MS_MAX);
  const passed = new Promise<void>((resolve) => {
    deadline.addEventListener('abort', () => resolve(), { once: true });
  });
  const opened = connect(COMPLETION_MS_MAX);
  const read = opened.then((connection) => readListing(connection, listing));
  await Promise.race([read, passed]).catch(() => undefined);
  // This also closes a connection that opens only now.
  void opened.then((connection) => connection.close()).catch(() => undefined);
  return listing.candidates();
}

async function readListing(connection: Connection, listing: KeyListing): Promise<void> {
  const known = new Promise<void>((resolve) => {
    connection.onUnasked = (bytes) => {
      if (listing.push(bytes) !== 'more') resolve();
    };
  });
  await connection.request([LIST_ALL], 'none');
  await Promise.race([known, connection.ended()]);
}

/** Other keys would be refused, or would be read as another key, when the line is sent. */
function canBeTyped(key: string): boolean {
  return printable(key) === key && !/[ \ufffd]/.test(key);
}

function sharedBeginning(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  // The cut must not leave half a character.
  return /[\ud800-\udbff]$/.test(a.slice(0, length)) ? a.slice(0, length - 1) : a.slice(0, length);
}
