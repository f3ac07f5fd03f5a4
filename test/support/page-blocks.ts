// The blocks of README.md or of a page of docs/ that a test runs as a reader would: commands that are pasted into a shell,
// commands that stay running in a terminal of their own, and texts that are saved as files. The words after the language of a
// block decide:
//
// - ```sh is pasted. A ```text block after it shows its output.
// - ```sh terminal stays running in a terminal of its own. The ```text block shows its output until it is ready.
// - ```sh root is pasted by root, on a machine with systemd (test/systemd.test.ts).
// - ```sh by-hand is not run by any test.
// - ```js app.js is saved under that name. Other languages are saved in the same way.
//
// In a ```text block `…` stands for text that is different each time, or, alone on a line, for lines that do not matter.

type BlockKind = 'pasted' | 'terminal' | 'root' | 'by-hand' | 'file';

export interface PageBlock {
  readonly kind: BlockKind;
  /** The number of its first line on the page. */
  readonly line: number;
  readonly text: string;
  /** The output that the page shows. */
  readonly shown?: string;
  /** The name of a `file`. */
  readonly name?: string;
}

const SHELL_KINDS: ReadonlyMap<string, BlockKind> = new Map([
  ['', 'pasted'],
  ['terminal', 'terminal'],
  ['root', 'root'],
  ['by-hand', 'by-hand'],
]);

/** Returns the blocks in the order of the page. Blocks of other languages, and files without a name, are left out. */
export function pageBlocks(page: string): PageBlock[] {
  const fences = [...page.matchAll(/^```(\S*)(?: (\S+))?\n([^]*?)^```$/gm)];
  return fences.flatMap(([whole, language = '', word = '', text = ''], at): PageBlock[] => {
    const { index } = fences[at]!;
    const line = page.slice(0, index).split('\n').length + 1;
    if (language === 'text' || language === '') return [];
    if (language !== 'sh') return word === '' ? [] : [{ kind: 'file', line, text, name: word }];
    const kind = SHELL_KINDS.get(word);
    if (kind === undefined) throw new Error(`line ${line - 1}: no block is called "sh ${word}"`);
    const next = fences[at + 1];
    const between = next === undefined ? '' : page.slice(index + whole.length, next.index);
    const isShown = next?.[1] === 'text' && !/^#/m.test(between);
    return [{ kind, line, text, ...(isShown && { shown: next[3] ?? '' }) }];
  });
}

/**
 * Returns an expression for the whole output of a block. `…` in a line stands for any text of that line, and alone on a line
 * for any number of lines.
 */
export function shownPattern(shown: string): RegExp {
  const lines = shown.trim().split('\n');
  const parts = lines.map((line) =>
    line.trim() === '…' ? '[^]*' : line.trimEnd().split('…').map(literal).join('[^\\n]*'),
  );
  return new RegExp(`^${parts.join('\\n')}$`);
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
