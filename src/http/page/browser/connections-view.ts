// The connections that `stats conns` lists. They are fetched again and again while the view is open.

import type { ConnectionList } from '../wire.js';
import { byId, make, numberCell, within } from './elements.js';
import { countText, durationText } from './format.js';
import { ask, failureOf } from './session.js';

const AGAIN_MS = 2000;

export class ConnectionsView {
  readonly #note = byId('connections-note', HTMLElement);
  readonly #rows = within(document, '#connection-table tbody', HTMLTableSectionElement);
  #timer: number | undefined;

  set isShown(isShown: boolean) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (isShown) void this.#refresh();
  }

  async #refresh(): Promise<void> {
    try {
      this.#list(await ask<ConnectionList>('/page/connections'));
    } catch (error) {
      this.#note.textContent = failureOf(error);
    }
    if (!byId('connections', HTMLElement).hidden) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#refresh(), AGAIN_MS);
    }
  }

  #list({ connections, isCut }: ConnectionList): void {
    const count = countText(connections.length);
    this.#note.textContent = isCut ? `the first ${count}` : `${count} with the listeners`;
    this.#rows.replaceChildren(
      ...connections.map(({ id, address, listener, state, idle }) =>
        make(
          'tr',
          {},
          numberCell(String(id)),
          make('td', { class: 'mono' }, address),
          make('td', { class: 'mono' }, listener),
          make('td', {}, state.replace(/^conn_/, '')),
          numberCell(durationText(idle)),
        ),
      ),
    );
  }
}
