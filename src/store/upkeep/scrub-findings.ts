// Damage that the scrubber has met since the start, each place once.

/** More are counted no longer: the disk is gone, and one more name helps nobody. */
const PLACES_MAX = 10_000;

export class ScrubFindings {
  readonly #places = new Set<string>();
  #last: string | undefined;

  get count(): number {
    return this.#places.size;
  }

  /** `file@offset` of the newest. */
  get last(): string | undefined {
    return this.#last;
  }

  /** True when it was not known. */
  note(file: string, offset: number): boolean {
    const place = `${file}@${offset}`;
    if (this.#places.has(place) || this.#places.size >= PLACES_MAX) return false;
    this.#places.add(place);
    this.#last = place;
    return true;
  }
}
