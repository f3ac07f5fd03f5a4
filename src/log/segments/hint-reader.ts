// Hint reader: reads the hints of a log one after the other. It reads each hint while the store takes in the one
// before, and the first while recovery looks for the end of the log. The hints share two buffers, because new memory
// costs more than reading into it.
//
// Invariant: a loaded hint is valid until the hint after the next one is begun.

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

  /** With `useHints` false it finds no hint. */
  constructor(fs: Fs, dir: string, useHints: boolean) {
    this.#fs = fs;
    this.#dir = dir;
    this.#useHints = useHints;
  }

  /** Returns the header of the segment's hint; undefined when there is none. */
  async peek(segment: Segment): Promise<HintHead | undefined> {
    return this.#mayHave(segment) ? peekHint(this.#fs, this.#dir, segment) : undefined;
  }

  /** Begins to read the segment's hint. */
  begin(segment: Segment | undefined): void {
    if (segment === undefined || !this.#mayHave(segment)) return;
    [this.#room, this.#otherRoom] = [this.#otherRoom, this.#room];
    this.#begun = { segment, hint: loadHint(this.#fs, this.#dir, segment, this.#room) };
    // load() returns this promise, so its caller gets the error.
    this.#begun.hint.catch(() => undefined);
  }

  /** Resolves when nothing is being read. */
  async settled(): Promise<void> {
    if (this.#begun !== undefined) await Promise.allSettled([this.#begun.hint]);
  }

  /** Returns the segment's hint; undefined when there is no good one. Throws the system's errors. */
  async load(segment: Segment): Promise<LoadedHint | undefined> {
    if (this.#begun?.segment !== segment) this.begin(segment);
    return this.#begun?.segment === segment ? this.#begun.hint : undefined;
  }

  /** Checks whether the segment can have a hint: only a sealed one can. */
  #mayHave({ sealed }: Segment): boolean {
    return this.#useHints && sealed;
  }
}
