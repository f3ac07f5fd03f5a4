// The view of sizes: prefixes and keys by weight, computed when the user asks. A click on a prefix opens the prefixes
// below it.

import type { SizesEvent, Weight } from '../wire.js';
import { byId, make, numberCell, within } from './elements.js';
import { bytesText, countText } from './format.js';
import { decodeBase64, keyText, utf8Of } from './octets.js';
import { events, failureOf } from './session.js';

export class SizesView {
  readonly #prefix = byId('weigh-prefix', HTMLInputElement);
  readonly #delimiter = byId('delimiter', HTMLInputElement);
  readonly #note = byId('weigh-note', HTMLElement);
  readonly #progress = byId('weigh-progress', HTMLProgressElement);
  readonly #weights = byId('weights', HTMLElement);
  readonly #prefixes = within(document, '#prefixes tbody', HTMLTableSectionElement);
  readonly #largest = within(document, '#largest tbody', HTMLTableSectionElement);
  readonly #openKey: (key: Uint8Array) => void;
  #walk: AbortController | undefined;
  /** The query of the walk that is under way. */
  #asked: string | undefined;

  constructor(openKey: (key: Uint8Array) => void) {
    this.#openKey = openKey;
    byId('weigh', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#weigh();
    });
  }

  set delimiter(delimiter: string) {
    if (this.#delimiter.value === '') this.#delimiter.value = delimiter;
  }

  async #weigh(): Promise<void> {
    const query = new URLSearchParams({
      prefix: this.#prefix.value,
      delimiter: this.#delimiter.value,
    }).toString();
    // The server has one walk at a time: it would refuse a second click because of the first.
    if (query === this.#asked) return;
    this.#asked = query;
    this.#walk?.abort();
    const walk = new AbortController();
    this.#walk = walk;
    this.#note.textContent = 'Weighing…';
    this.#progress.hidden = false;
    let isWhole = false;
    try {
      for await (const event of events<SizesEvent>(`/page/sizes?${query}`, walk.signal)) {
        if (event.kind === 'sizes') {
          isWhole = true;
          this.#list(event);
        } else {
          this.#progress.max = Math.max(1, event.total);
          this.#progress.value = event.seen;
        }
      }
      if (!isWhole) this.#note.textContent = 'A commit failed meanwhile: weigh again';
    } catch (error) {
      if (walk === this.#walk) this.#note.textContent = failureOf(error);
    }
    if (walk !== this.#walk) return;
    this.#asked = undefined;
    this.#progress.hidden = true;
  }

  #list({ largest, prefixes, all, others }: Extract<SizesEvent, { kind: 'sizes' }>): void {
    const rest =
      others === 0 ? '' : `; ${countText(others)} keys of further prefixes are not listed`;
    this.#note.textContent = `${countText(all.keys)} keys, ${bytesText(all.bytes)}${rest}`;
    this.#weights.hidden = false;
    this.#prefixes.replaceChildren(
      ...prefixes.map((weight) => {
        const row = this.#rowOf(weight, all.bytes, (octets) => this.#below(octets));
        row.insertBefore(numberCell(countText(weight.keys)), row.lastElementChild);
        return row;
      }),
    );
    if (prefixes.length === 0) {
      const none = make(
        'td',
        { colspan: '3', class: 'note' },
        'No key has this delimiter after the prefix',
      );
      this.#prefixes.replaceChildren(make('tr', {}, none));
    }
    this.#largest.replaceChildren(
      ...largest.map((weight) => this.#rowOf(weight, all.bytes, this.#openKey)),
    );
  }

  #rowOf(
    { key, bytes }: Weight,
    allBytes: number,
    open: (octets: Uint8Array) => void,
  ): HTMLTableRowElement {
    const octets = decodeBase64(key);
    const button = make('button', { type: 'button', class: 'key mono' }, keyText(octets));
    button.addEventListener('click', () => open(octets));
    const name = make('td', { class: 'weight' }, button);
    name.style.setProperty('--share', String(allBytes === 0 ? 0 : bytes / allBytes));
    return make('tr', {}, name, numberCell(bytesText(bytes)));
  }

  /** Returns undefined for a prefix that is not text: it cannot be typed, so it cannot be opened. */
  #below(octets: Uint8Array): void {
    const text = utf8Of(octets);
    if (text === undefined) return;
    this.#prefix.value = text;
    void this.#weigh();
  }
}
