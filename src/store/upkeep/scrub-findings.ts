// Scrub findings: the damage that the scrubber has found since the start, each place once.

/** More places are not counted: the disk is gone, and one more name helps nobody. */
const PLACES_MAX = 10_000;

export class ScrubFindings {
  readonly #places = new Set<string>();
  #last: string | undefined;

  get count(): number {
    return this.#places.size;
  }

  /** The newest place, as `file@offset`. */
  get last(): string | undefined {
    return this.#last;
  }

  /** Notes damage. Returns true when the place was not known yet. */
  note(file: string, offset: number): boolean {
    const place = `${file}@${offset}`;
    if (this.#places.has(place) || this.#places.size >= PLACES_MAX) return false;
    this.#places.add(place);
    this.#last = place;
    return true;
  }
}
