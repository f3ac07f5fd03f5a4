// Elements of the page, found by their id or created. Text is always set as text, so that no key or value is ever
// read as markup.

type Child = Node | string;

/** Returns the element of the shell with that id, which has to be a `type`. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new TypeError(`The shell has no #${id} of that type`);
  return found;
}

/** Returns the element below `parent` that `selector` names. */
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

/** A cell in which figures align. */
export function numberCell(text: string): HTMLTableCellElement {
  return make('td', { class: 'number' }, text);
}
