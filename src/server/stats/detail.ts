// `stats detail`: counts how often keys of a prefix (up to the delimiter) were got, set and deleted. It is off by
// default; while it is on, it costs one lookup per command. The number of prefixes is bounded, because
// clients choose them.

import { lineKey } from '../../protocol/listed-key.js';

const PREFIXES_MAX = 10_000;

interface PrefixCounts {
  gets: number;
  hits: number;
  sets: number;
  deletes: number;
}

export class PrefixStats {
  isOn = false;
  readonly #delimiter: number;
  readonly #counts = new Map<string, PrefixCounts>();

  constructor(delimiter: string) {
    this.#delimiter = delimiter.charCodeAt(0);
  }

  recordGet(key: Buffer, isHit: boolean): void {
    const counts = this.#of(key);
    if (counts === undefined) return;
    counts.gets += 1;
    if (isHit) counts.hits += 1;
  }

  recordSet(key: Buffer): void {
    const counts = this.#of(key);
    if (counts !== undefined) counts.sets += 1;
  }

  recordDelete(key: Buffer): void {
    const counts = this.#of(key);
    if (counts !== undefined) counts.deletes += 1;
  }

  /** Returns the lines of `stats detail dump`; the caller may pause between them. */
  *lines(): IterableIterator<string> {
    for (const [prefix, { gets, hits, sets, deletes }] of this.#counts) {
      yield `PREFIX ${lineKey(Buffer.from(prefix, 'latin1'))} get ${gets} hit ${hits} set ${sets} del ${deletes}`;
    }
  }

  clear(): void {
    this.#counts.clear();
  }

  #of(key: Buffer): PrefixCounts | undefined {
    const end = key.indexOf(this.#delimiter);
    if (end <= 0) return undefined;
    const prefix = key.toString('latin1', 0, end);
    const known = this.#counts.get(prefix);
    if (known !== undefined || this.#counts.size >= PREFIXES_MAX) return known;
    const counts = { gets: 0, hits: 0, sets: 0, deletes: 0 };
    this.#counts.set(prefix, counts);
    return counts;
  }
}
