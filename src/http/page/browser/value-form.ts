// The form that sets a key: a new key, or one that the user has looked at.

import type { ChangeAnswer, ShownValue } from '../wire.js';
import { make } from './elements.js';
import { encodeBase64, keyText } from './octets.js';
import { failureOf, post } from './session.js';

const STATUS_TEXTS: Readonly<Record<string, string>> = {
  exists: 'It was changed meanwhile: look at it again.',
  'not-found': 'It is not there any more.',
  'not-stored': 'The key exists already: find it and open it first.',
  'no-space': 'The disk is full.',
  'no-memory': 'The store is at its bounds (-M).',
  'too-large': 'The value is too large.',
};

/** The item as the user saw it. */
interface Seen {
  readonly key: Uint8Array;
  readonly text: string;
  readonly shown: ShownValue;
}

export class ValueForm {
  readonly element = make('form', { class: 'value-form' });
  readonly #seen: Seen | undefined;
  readonly #onStored: (key: Uint8Array) => void;
  readonly #key = make('input', {
    required: '',
    autocomplete: 'off',
    class: 'mono',
    maxlength: '500',
  });
  readonly #value = make('textarea', { rows: '10', class: 'mono', spellcheck: 'false' });
  readonly #flags = make('input', { type: 'number', min: '0', max: '4294967295', value: '0' });
  readonly #ttl = make('input', { type: 'number', min: '0', max: '4294967295', value: '0' });
  readonly #note = make('p', { class: 'note', role: 'status' });

  constructor(seen: Seen | undefined, onStored: (key: Uint8Array) => void) {
    this.#seen = seen;
    this.#onStored = onStored;
    if (seen !== undefined) {
      this.#key.value = keyText(seen.key);
      this.#key.disabled = true;
      this.#value.value = seen.text;
      this.#flags.value = String(seen.shown.flags);
      this.#ttl.value = String(Math.max(0, seen.shown.ttl));
    }
    this.element.append(
      make('label', {}, 'key', this.#key),
      make('label', {}, 'value', this.#value),
      make(
        'div',
        { class: 'pair' },
        make('label', {}, 'flags', this.#flags),
        make('label', {}, 'time to live, seconds (0: for ever)', this.#ttl),
      ),
      make('div', { class: 'buttons' }, make('button', { type: 'submit' }, 'Store')),
      this.#note,
    );
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#store();
    });
  }

  focus(): void {
    (this.#seen === undefined ? this.#key : this.#value).focus();
  }

  async #store(): Promise<void> {
    const bytes = new TextEncoder();
    const key = this.#seen?.key ?? bytes.encode(this.#key.value);
    const fields = {
      key: encodeBase64(key),
      value: encodeBase64(bytes.encode(this.#value.value)),
      flags: Number(this.#flags.value),
      ttl: Number(this.#ttl.value),
      cas: this.#seen?.shown.cas,
      isNew: this.#seen === undefined,
    };
    try {
      const { status } = await post<ChangeAnswer>('/page/set', fields);
      if (status === 'stored') this.#onStored(key);
      else this.#note.textContent = STATUS_TEXTS[status] ?? `Not stored: ${status}`;
    } catch (error) {
      this.#note.textContent = failureOf(error);
    }
  }
}
