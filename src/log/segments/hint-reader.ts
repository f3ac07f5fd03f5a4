// Reads the hints of a log one after the other, each while the one before is taken in, and the first while the end of
// the log is looked for. They share two rooms: memory that is new costs more than what is read into it.
//
// Invariant: what a hint told is valid until the hint after the next one is begun.

import type { Fs } from '../../env/env.js';
import { loadHint, peekHint } from './hint-file.js';
import type { HintHead, LoadedHint } from '../bytes/hint.js';
import type { Segment } from './segment.js';
import { ReadRoom } from './whole-file.js';

export class HintReader {
  readonly #fs: Fs;
  readonly #dir: string;
  readonly #useHints: boolean;
  #room = new ReadRoom();
  #otherRoom = new ReadRoom();
  #begun: { readonly segment: Segment; readonly hint: Promise<LoadedHint | undefined> } | undefined;

  /** `useHints` false: finds none. */
  constructor(fs: Fs, dir: string, useHints: boolean) {
    this.#fs = fs;
    this.#dir = dir;
    this.#useHints = useHints;
  }

  /** The head of the segment's hint; undefined when there is none. */
  async peek(segment: Segment): Promise<HintHead | undefined> {
    return this.#mayHave(segment) ? peekHint(this.#fs, this.#dir, segment) : undefined;
  }

  /** Begins to read the segment's hint. */
  begin(segment: Segment | undefined): void {
    if (segment === undefined || !this.#mayHave(segment)) return;
    [this.#room, this.#otherRoom] = [this.#otherRoom, this.#room];
    this.#begun = { segment, hint: loadHint(this.#fs, this.#dir, segment, this.#room) };
    // Whoever wants it is told.
    this.#begun.hint.catch(() => undefined);
  }

  /** Resolves when nothing is being read. */
  async settled(): Promise<void> {
    if (this.#begun !== undefined) await Promise.allSettled([this.#begun.hint]);
  }

  /** What the segment's hint tells; undefined when there is no good one. Throws the system's errors. */
  async load(segment: Segment): Promise<LoadedHint | undefined> {
    if (this.#begun?.segment !== segment) this.begin(segment);
    return this.#begun?.segment === segment ? this.#begun.hint : undefined;
  }

  /** Only a sealed segment has one. */
  #mayHave({ sealed }: Segment): boolean {
    return this.#useHints && sealed;
  }
}
