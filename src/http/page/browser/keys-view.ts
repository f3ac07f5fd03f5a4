// The browser of keys: one page at a time, with a filter by prefix. Arrow keys move between the keys, Enter opens
// one.

import type { KeyPage, ListedKey } from '../wire.js';
import { byId, make, numberCell, within } from './elements.js';
import { bytesText, durationText, ttlText } from './format.js';
import { decodeBase64, keyText } from './octets.js';
import { ask, failureOf } from './session.js';
import type { ValuePanel } from './value-panel.js';

/** A page of the server has at least this many keys, if the store has them. */
const PAGE_KEYS = 50;

export class KeysView {
  readonly #panel: ValuePanel;
  readonly #prefix = byId('prefix', HTMLInputElement);
  readonly #rows = within(document, '#key-table tbody', HTMLTableSectionElement);
  readonly #note = byId('page-note', HTMLElement);
  readonly #previous = byId('previous', HTMLButtonElement);
  readonly #next = byId('next', HTMLButtonElement);
  /** Cursors at which the pages so far began; the last is that of the page on the screen. */
  #cursors: readonly number[] = [0];
  #cursorAfter = 0;
  /** The prefix that was searched for; the field may hold another text by now. */
  #searched = '';
  #hasFailed = false;
  #isShown = false;
  /** Counts searches: the answer to an earlier search is not shown. */
  #search = 0;

  constructor(panel: ValuePanel) {
    this.#panel = panel;
    byId('search', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.#searched = this.#prefix.value;
      void this.refresh([0]);
    });
    this.#next.addEventListener('click', () => {
      void this.refresh([...this.#cursors, this.#cursorAfter]);
    });
    this.#previous.addEventListener('click', () => void this.refresh(this.#cursors.slice(0, -1)));
    byId('new-key', HTMLButtonElement).addEventListener('click', () => panel.compose());
    this.#rows.addEventListener('keydown', (event) => this.#move(event));
  }

  set mayWrite(mayWrite: boolean) {
    byId('new-key', HTMLButtonElement).hidden = !mayWrite;
  }

  /** Fetches the first page when the view is opened for the first time. */
  show(): void {
    if (this.#isShown) return;
    this.#isShown = true;
    void this.refresh();
  }

  /** Called when the server answers again. */
  recover(): void {
    if (this.#hasFailed) void this.refresh();
  }

  focusSearch(): void {
    this.#prefix.focus();
    this.#prefix.select();
  }

  /** Fetches the page that the last of `cursors` begins; by default the page on the screen. */
  async refresh(cursors: readonly number[] = this.#cursors): Promise<void> {
    const search = ++this.#search;
    let cursor = cursors.at(-1) ?? 0;
    const keys: ListedKey[] = [];
    this.#note.textContent = 'Looking…';
    try {
      for (let isPart = true; isPart;) {
        const query = new URLSearchParams({ cursor: String(cursor), prefix: this.#searched });
        const page = await ask<KeyPage>(`/page/keys?${query}`);
        if (search !== this.#search) return;
        keys.push(...page.keys);
        ({ cursor } = page);
        isPart = page.isPart && keys.length < PAGE_KEYS;
        if (isPart) this.#note.textContent = `Looking… ${keys.length} so far`;
      }
      // The cursors change only now: whoever clicks twice while an answer is on its way asks for the same page.
      this.#cursors = cursors;
      this.#hasFailed = false;
      this.#list(keys, cursor);
    } catch (error) {
      this.#hasFailed = true;
      this.#note.textContent = failureOf(error);
    }
  }

  #list(keys: readonly ListedKey[], cursor: number): void {
    this.#cursorAfter = cursor;
    this.#next.disabled = cursor === 0;
    this.#previous.disabled = this.#cursors.length < 2;
    this.#rows.replaceChildren(...keys.map((each, at) => this.#rowOf(each, at === 0)));
    const page = this.#cursors.length;
    const isAll = cursor === 0 && page === 1;
    const what = keys.length === 1 ? '1 key' : `${keys.length} keys`;
    this.#note.textContent = isAll ? `${what}, all there are` : `Page ${page}, ${what}`;
    if (keys.length === 0) this.#note.textContent = 'No such keys';
  }

  #rowOf({ key, bytes, ttl, idle }: ListedKey, isFirst: boolean): HTMLTableRowElement {
    const octets = decodeBase64(key);
    const attributes = { type: 'button', class: 'key mono', tabindex: isFirst ? '0' : '-1' };
    const button = make('button', attributes, keyText(octets));
    button.addEventListener('click', () => {
      this.#choose(button);
      void this.#panel.open(octets);
    });
    return make(
      'tr',
      {},
      make('td', {}, button),
      numberCell(bytesText(bytes)),
      numberCell(ttlText(ttl)),
      numberCell(durationText(idle)),
    );
  }

  /** Makes this the key of the table that the Tab key reaches. */
  #choose(button: HTMLButtonElement): void {
    for (const each of this.#buttons) each.tabIndex = each === button ? 0 : -1;
    for (const each of this.#buttons) each.toggleAttribute('aria-current', each === button);
  }

  get #buttons(): HTMLButtonElement[] {
    return [...this.#rows.querySelectorAll<HTMLButtonElement>('button.key')];
  }

  #move(event: KeyboardEvent): void {
    const buttons = this.#buttons;
    const at = buttons.findIndex((each) => each === document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    const button = to === undefined ? undefined : buttons[to];
    if (button === undefined) return;
    event.preventDefault();
    for (const each of buttons) each.tabIndex = each === button ? 0 : -1;
    button.focus();
  }
}
