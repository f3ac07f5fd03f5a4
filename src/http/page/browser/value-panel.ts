// One key and its value, as text, JSON or hex; with --http-write a form to change it.
//
// Invariants:
// - A change of a key that the user has looked at is made only if the key is still as it was then (its CAS token).
// - What stands below the title belongs to that key: an answer that comes after another key was opened is not shown.

import type { ChangeAnswer, ShownValue } from '../wire.js';
import { byId, make } from './elements.js';
import { bytesText, countText, ttlText } from './format.js';
import {
  decodeBase64,
  encodeBase64,
  hexDump,
  indentedJson,
  keyText,
  utf8Of,
  valueText,
} from './octets.js';
import { failureOf, post } from './session.js';
import { ValueForm } from './value-form.js';

const FORMS = ['text', 'JSON', 'hex'] as const;

type Form = (typeof FORMS)[number];

export class ValuePanel {
  readonly #panel = byId('value', HTMLElement);
  readonly #body = byId('value-body', HTMLElement);
  readonly #title = byId('value-title', HTMLElement);
  readonly #onChange: () => void;
  #form: Form | undefined;
  /** Counts the keys that were opened. */
  #opening = 0;
  mayWrite = false;

  /** `onChange` is called when keys have changed. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Opens a key; `what` says what was done with it before. */
  async open(key: Uint8Array, what?: string): Promise<void> {
    const opening = ++this.#opening;
    this.#title.textContent = keyText(key);
    try {
      const shown = await post<ShownValue>('/page/value', { key: encodeBase64(key) });
      if (opening !== this.#opening) return;
      this.#show(key, shown);
      if (what !== undefined)
        this.#body.prepend(make('p', { class: 'note done', role: 'status' }, what));
    } catch (error) {
      const why = failureOf(error);
      if (opening !== this.#opening) return;
      this.#tell(why);
    }
    this.#panel.scrollIntoView({ block: 'nearest' });
  }

  /** Opens the form for a new key. */
  compose(): void {
    this.#opening += 1;
    this.#title.textContent = 'New key';
    const form = new ValueForm(undefined, (key) => this.#changed(key, 'Stored'));
    this.#body.replaceChildren(form.element);
    form.focus();
  }

  #tell(text: string): void {
    this.#body.replaceChildren(make('p', { class: 'note', role: 'status' }, text));
  }

  #changed(key: Uint8Array, what: string): void {
    this.#onChange();
    void this.open(key, what);
  }

  #show(key: Uint8Array, shown: ShownValue): void {
    const octets = decodeBase64(shown.value);
    const isCut = octets.length < shown.bytes;
    const facts: readonly (readonly [string, string])[] = [
      ['value', bytesText(shown.bytes)],
      ['flags', countText(shown.flags)],
      ['time to live', shown.ttl < 0 ? 'for ever' : ttlText(shown.ttl)],
      ['CAS', shown.cas],
    ];
    const list = make('dl', { class: 'facts' });
    for (const [name, text] of facts) {
      list.append(make('div', {}, make('dt', {}, name), make('dd', {}, text)));
    }
    const text = make('pre', { tabindex: '0', class: 'octets', 'aria-label': 'The value' });
    this.#body.replaceChildren(list, this.#tabs(octets, isCut, text), text);
    if (isCut) {
      const cut = `The first ${bytesText(octets.length)} of ${bytesText(shown.bytes)}.`;
      this.#body.append(make('p', { class: 'note' }, cut));
    }
    if (this.mayWrite) this.#body.append(this.#changes(key, shown, octets, isCut));
  }

  /** Returns the choice of forms, and shows the value in the form that the user chose last, if it has that form. */
  #tabs(octets: Uint8Array, isCut: boolean, text: HTMLElement): HTMLElement {
    const whole = isCut ? undefined : utf8Of(octets);
    const json = whole === undefined ? undefined : indentedJson(whole);
    const isStructure = json !== undefined && /^[[{]/.test(json);
    const texts: Readonly<Record<Form, () => string>> = {
      text: () => valueText(octets),
      JSON: () => json ?? '',
      hex: () => hexDump(octets),
    };
    const fallback = utf8Of(octets) === undefined && !isCut ? 'hex' : 'text';
    const natural = isStructure ? 'JSON' : fallback;
    const wanted = this.#form === 'JSON' && json === undefined ? undefined : this.#form;
    const fields = make(
      'fieldset',
      { class: 'forms' },
      make('legend', { class: 'unseen' }, 'Shown as'),
    );
    for (const form of FORMS) {
      const input = make('input', { type: 'radio', name: 'form', value: form });
      input.checked = form === (wanted ?? natural);
      input.disabled = form === 'JSON' && json === undefined;
      input.addEventListener('change', () => {
        this.#form = form;
        write(text, form, texts[form]());
      });
      fields.append(make('label', {}, input, form));
    }
    write(text, wanted ?? natural, texts[wanted ?? natural]());
    return fields;
  }

  #changes(key: Uint8Array, shown: ShownValue, octets: Uint8Array, isCut: boolean): HTMLElement {
    const buttons = make('div', { class: 'buttons' });
    const text = isCut ? undefined : editable(octets);
    const edit = make('button', { type: 'button' }, 'Edit');
    edit.disabled = text === undefined;
    if (text === undefined) edit.title = 'Only text that is shown whole can be edited';
    edit.addEventListener('click', () => {
      const form = new ValueForm({ key, text: text ?? '', shown }, () =>
        this.#changed(key, 'Stored'),
      );
      this.#body.replaceChildren(form.element);
      form.focus();
    });
    const remove = make('button', { type: 'button', class: 'danger' }, 'Delete');
    remove.addEventListener('click', () => {
      const sure = make('button', { type: 'button', class: 'danger' }, 'Delete it now');
      sure.addEventListener('click', () => void this.#delete(key, shown.cas));
      remove.replaceWith(sure);
      sure.focus();
    });
    buttons.append(edit, remove);
    return buttons;
  }

  async #delete(key: Uint8Array, cas: string): Promise<void> {
    const opening = this.#opening;
    const tell = (text: string): void => {
      if (opening === this.#opening) this.#tell(text);
    };
    try {
      const { status } = await post<ChangeAnswer>('/page/delete', { key: encodeBase64(key), cas });
      tell(
        status === 'exists' ? 'It was changed meanwhile: look at it again.' : `It is ${status}.`,
      );
      this.#onChange();
    } catch (error) {
      tell(failureOf(error));
    }
  }
}

/** Sets the text of the element. Rows of a dump do not wrap. */
function write(element: HTMLElement, form: Form, text: string): void {
  element.classList.toggle('rows', form === 'hex');
  element.textContent = text;
}

/** Returns undefined for a value that a text field would change, because of its line ends. */
function editable(octets: Uint8Array): string | undefined {
  const text = utf8Of(octets);
  return text?.includes('\r') === true ? undefined : text;
}
