// Elements of the page: found by their id, or made. Text is always set as text, so that no key or value is ever markup.

type Child = Node | string;

/** The element of the shell by that id, which has to be one of `type`. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new TypeError(`The shell has no #${id} of that type`);
  return found;
}

/** The one element below `parent` that `selector` names. */
export function within<T extends Element>(
  parent: ParentNode,
  selector: string,
  type: new () => T,
): T {
  const found = parent.querySelector(selector);
  if (!(found instanceof type)) throw new TypeError(`There is no ${selector} of that type`);
  return found;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A cell whose figures stand below each other. */
export function numberCell(text: string): HTMLTableCellElement {
  return make('td', { class: 'number' }, text);
}
