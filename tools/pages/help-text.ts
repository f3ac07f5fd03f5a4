// Parses the text of `--help`, of which man pages and completions are made. Commander composes that text from the
// definitions of the flags, so help, man pages and completions always agree.
//
// Invariant: a line of no known form is kept as text, so that nothing of the help is lost.

/** An item such as `--data <dir>` of a program or `get <key...>` of kv-client. */
export interface HelpItem {
  readonly term: string;
  readonly description: string;
}

interface HelpSection {
  readonly title: string;
  readonly items: readonly HelpItem[];
}

export interface HelpText {
  readonly usage: string;
  readonly description: string;
  readonly sections: readonly HelpSection[];
  /** The paragraphs below the sections. */
  readonly remarks: readonly string[];
}

/** A flag as a shell sees it. */
export interface HelpFlag {
  readonly short: string | undefined;
  readonly long: string;
  /** The `dir` of `<dir>`; undefined for a flag without a value. */
  readonly value: string | undefined;
  readonly choices: readonly string[];
  readonly description: string;
}

export function parseHelp(text: string): HelpText {
  let usage = '';
  let description = '';
  const sections: { title: string; items: { term: string; description: string }[] }[] = [];
  const remarks: string[] = [];
  for (const block of text.trim().split(/\n{2,}/)) {
    const [first = '', ...rest] = block.split('\n');
    if (first.startsWith('Usage: ')) {
      usage = [first.slice('Usage: '.length), ...rest.map((line) => line.trim())].join(' ');
    } else if (/^[A-Z][\w ]*:$/.test(first) && rest.every((line) => line.startsWith('  '))) {
      sections.push({ title: first.slice(0, -1), items: itemsOf(rest) });
    } else if (description === '') {
      description = block.replaceAll('\n', ' ');
    } else {
      // A line that begins a topic, such as `Exit codes: …`, stays a line of its own.
      remarks.push(...block.replaceAll(/\n(?![A-Z][\w ]*: )/g, ' ').split('\n'));
    }
  }
  return { usage, description, sections, remarks };
}

function itemsOf(lines: readonly string[]): { term: string; description: string }[] {
  const items: { term: string; description: string }[] = [];
  for (const line of lines) {
    const begins = /^ {2}(\S.*?)(?: {2,}(\S.*))?$/.exec(line);
    const last = items.at(-1);
    if (begins !== null) items.push({ term: begins[1] ?? '', description: begins[2] ?? '' });
    else if (last !== undefined) last.description += ` ${line.trim()}`;
  }
  return items;
}

const FLAG = /^(?:(-\w), )?--([\w-]+)(?: [<[]([^>\]]+)[>\]])?$/;

export function flagsOf({ sections }: HelpText): HelpFlag[] {
  return sections.flatMap(({ items }) =>
    items.flatMap(({ term, description }) => {
      const found = FLAG.exec(term);
      if (found === null) return [];
      const choices = /\(choices: ((?:"[^"]*"(?:, )?)+)/.exec(description)?.[1] ?? '';
      return {
        short: found[1]?.slice(1),
        long: found[2] ?? '',
        value: found[3],
        choices: [...choices.matchAll(/"([^"]*)"/g)].map((choice) => choice[1] ?? ''),
        description: briefly(description),
      };
    }),
  );
}

/** Returns the commands of a program that has some, one name for each. */
export function commandsOf({ sections }: HelpText): HelpItem[] {
  const titled = sections.filter(({ title }) => title !== 'Arguments' && title !== 'Examples');
  return titled
    .flatMap(({ items }) => items)
    .filter(({ term }) => !term.startsWith('-'))
    .map(({ term, description }) => ({
      term: /^[\w-]+/.exec(term)?.[0] ?? term,
      description: briefly(description),
    }));
}

/** Returns the description without variable, choices and default, because a shell shows one line. */
function briefly(description: string): string {
  return description.replace(/ \((?:CAIRN_|env: |choices: |default: ).*$/, '');
}
