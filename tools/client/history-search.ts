// The backward search of the history that Ctrl-R begins, as in bash: the text it looks for, the line it has found,
// and the effect of each key. Pure: it gets the lines of the history, and gives the text of the prompt and the line
// that was found.
//
// Invariant: each step back is undone by one Backspace, whether it was a character or another Ctrl-R.

interface Place {
  readonly text: string;
  /** Index of the line that was found; the number of lines before anything was looked for. */
  readonly at: number;
  /** No older line has the text: `at` is still the last line that was found. */
  readonly failed: boolean;
}

/** The ways in which a key ends the search. */
type SearchEnd =
  /** The found line stands at the prompt; `rest` are keys for the prompt itself. */
  | { readonly kind: 'taken'; readonly rest: string }
  /** The line is again as it was before the search. */
  | { readonly kind: 'left'; readonly rest: string };

const CTRL_C = '\x03';
const CTRL_G = '\x07';
export const CTRL_R = '\x12';
const ERASING = new Set(['\b', '\x7f']);
const CONTROL = /\p{Cc}/u;

export class HistorySearch {
  readonly #lines: readonly string[];
  /** The line at the prompt before the search. */
  readonly #before: string;
  readonly #places: Place[];

  /** `lines` are oldest first. */
  constructor(lines: readonly string[], before: string) {
    this.#lines = lines;
    this.#before = before;
    this.#places = [{ text: '', at: lines.length, failed: false }];
  }

  /** The text before the line while the search goes on. */
  get prompt(): string {
    const { text, failed } = this.#place();
    return `(${failed ? 'failed ' : ''}reverse-i-search)\`${text}': `;
  }

  /** Returns the line that was found, or the line before the search. */
  get line(): string {
    return this.#lines[this.#place().at] ?? this.#before;
  }

  get before(): string {
    return this.#before;
  }

  /** Takes typed keys; returns undefined when the search goes on. */
  type(keys: string): SearchEnd | undefined {
    let typed = 0;
    for (const key of keys) {
      const behind = keys.slice(typed + key.length);
      if (key === CTRL_R) this.#further();
      else if (ERASING.has(key)) this.#undo();
      else if (key === CTRL_G) return { kind: 'left', rest: behind };
      else if (key === CTRL_C) return { kind: 'left', rest: key + behind };
      else if (CONTROL.test(key)) return { kind: 'taken', rest: key + behind };
      else this.#look(this.#place().text + key, this.#place().at);
      typed += key.length;
    }
    return undefined;
  }

  #place(): Place {
    return this.#places.at(-1)!;
  }

  #further(): void {
    const { text, at } = this.#place();
    if (text !== '') this.#look(text, at - 1, this.line);
  }

  /** Finds the newest line, from `from` backwards, that has the text and differs from `unlike`. */
  #look(text: string, from: number, unlike?: string): void {
    let at = Math.min(from, this.#lines.length - 1);
    while (at >= 0 && (!this.#lines[at]!.includes(text) || this.#lines[at] === unlike)) at -= 1;
    this.#places.push({ text, at: at < 0 ? this.#place().at : at, failed: at < 0 });
  }

  #undo(): void {
    if (this.#places.length > 1) this.#places.pop();
  }
}
