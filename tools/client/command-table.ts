// The commands that the prompt completes and explains: one table of name, forms and meaning. The server decides what
// it understands: a command that is not in the table is sent as it was typed.

import { nearest } from './listing.js';

export type Mode = 'tcp' | 'memcached';

interface CommandHelp {
  readonly name: string;
  readonly group: 'Reading' | 'Writing' | 'Meta' | 'Server' | 'Prompt';
  /** Arguments in memcached's dialect. */
  readonly form: string;
  /** Arguments in the plain dialect, where they differ. */
  readonly plainForm?: string;
  readonly summary: string;
  /** Words that may follow, for completion. */
  readonly words?: readonly string[];
  /** The words that are keys, for completion. */
  readonly keys?: 'first' | 'all' | 'from the second';
}

const STORE_FORM =
  '<key> <flags> <exptime> <bytes> [noreply] ↵ <value>, <key> <bytes> ↵ <value> or <key> <value>';
const SET_PLAIN_FORM = '<key> <bytes> [<flags>] ↵ <value>   or   <key> <value>';

const COMMANDS: readonly CommandHelp[] = [
  { name: 'get', group: 'Reading', form: '<key>…', summary: 'values of keys', keys: 'all' },
  {
    name: 'gets',
    group: 'Reading',
    form: '<key>…',
    summary: 'values of keys with CAS tokens',
    keys: 'all',
  },
  {
    name: 'gat',
    group: 'Reading',
    form: '<exptime> <key>…',
    summary: 'read and set a new expiry',
    keys: 'from the second',
  },
  {
    name: 'gats',
    group: 'Reading',
    form: '<exptime> <key>…',
    summary: 'the same with CAS tokens',
    keys: 'from the second',
  },
  {
    name: 'ttl',
    group: 'Reading',
    form: '<key>…',
    summary: 'seconds to live; -1: for ever',
    keys: 'all',
  },
  {
    name: 'keys',
    group: 'Reading',
    form: '[<beginning>|<pattern with * ? []>]',
    summary: 'list keys',
    keys: 'first',
  },
  store('set', 'store a value'),
  store('add', 'store only when the key is new'),
  store('replace', 'store only when the key exists'),
  store('append', 'add bytes after the value'),
  store('prepend', 'add bytes before the value'),
  {
    name: 'cas',
    group: 'Writing',
    form: '<key> <flags> <exptime> <bytes> <cas> [noreply] ↵ <value>',
    summary: 'store only when the CAS token is still this one',
    keys: 'first',
  },
  {
    name: 'delete',
    group: 'Writing',
    form: '<key>…',
    summary: 'remove keys',
    keys: 'all',
  },
  {
    name: 'incr',
    group: 'Writing',
    form: '<key> <number> [noreply]',
    summary: 'add to a number (64 bits)',
    keys: 'first',
  },
  {
    name: 'decr',
    group: 'Writing',
    form: '<key> <number> [noreply]',
    summary: 'subtract, not below 0',
    keys: 'first',
  },
  {
    name: 'touch',
    group: 'Writing',
    form: '<key> <exptime> [noreply]',
    summary: 'set a new expiry',
    keys: 'first',
  },
  { name: 'mg', group: 'Meta', form: '<key> <flag>…', summary: 'meta get', keys: 'first' },
  {
    name: 'ms',
    group: 'Meta',
    form: '<key> <bytes> <flag>… ↵ <value>',
    summary: 'meta set',
    keys: 'first',
  },
  { name: 'md', group: 'Meta', form: '<key> <flag>…', summary: 'meta delete', keys: 'first' },
  { name: 'ma', group: 'Meta', form: '<key> <flag>…', summary: 'meta arithmetic', keys: 'first' },
  { name: 'me', group: 'Meta', form: '<key>', summary: 'meta debug', keys: 'first' },
  { name: 'mn', group: 'Meta', form: '', summary: 'barrier: MN when all before is done' },
  {
    name: 'stats',
    group: 'Server',
    form: '[settings|items|slabs|sizes|conns|reset]',
    summary: 'counters',
    words: ['settings', 'items', 'slabs', 'sizes', 'conns', 'reset', 'detail', 'cachedump'],
  },
  {
    name: 'watch',
    group: 'Server',
    form: '[fetchers|mutations|evictions|connevents]',
    summary: 'show what happens, until Ctrl-C',
    words: ['fetchers', 'mutations', 'evictions', 'connevents'],
  },
  { name: 'version', group: 'Server', form: '', summary: "the server's version" },
  {
    name: 'verbosity',
    group: 'Server',
    form: '<level> [noreply]',
    summary: 'set how much the server logs',
  },
  {
    name: 'flush_all',
    group: 'Server',
    form: '[<delay>] [noreply]',
    summary: 'remove everything stored before',
  },
  {
    name: 'delete_prefix',
    group: 'Server',
    form: '<prefix> [noreply]',
    summary: 'remove all keys with this prefix (Cairn only)',
    keys: 'first',
  },
  {
    name: 'lru_crawler',
    group: 'Server',
    form: 'metadump|mgdump all',
    summary: 'list the keys',
    words: ['metadump all', 'mgdump all'],
  },
  { name: 'shutdown', group: 'Server', form: '[graceful]', summary: 'stop the server (-A)' },
  { name: 'quit', group: 'Prompt', form: '', summary: 'say goodbye and leave (also exit, Ctrl-D)' },
  { name: 'help', group: 'Prompt', form: '[<command>]', summary: 'this list, or one command' },
];

export const STORE_NAMES: ReadonlySet<string> = new Set([
  'set',
  'add',
  'replace',
  'append',
  'prepend',
]);

/** Returns the form of a command in a dialect. */
export function formIn(mode: Mode, command: CommandHelp): string {
  return (mode === 'tcp' ? command.plainForm : undefined) ?? command.form;
}

export function findCommand(name: string): CommandHelp | undefined {
  return COMMANDS.find((command) => command.name === name);
}

/** Returns the command that a user probably meant by a name that is not a command. */
export function meant(name: string): string | undefined {
  return nearest(
    name.toLowerCase(),
    COMMANDS.map((command) => command.name),
  );
}

/** Completion as node:readline needs it: returns the candidates and the part of the line that they replace. */
export function completeLine(line: string): [string[], string] {
  const space = line.indexOf(' ');
  if (space < 0) {
    const names = COMMANDS.map((command) => `${command.name} `);
    return [names.filter((name) => name.startsWith(line.toLowerCase())), line];
  }
  const name = line.slice(0, space).toLowerCase();
  const typed = line.slice(space + 1);
  const words =
    name === 'help' ? COMMANDS.map((command) => command.name) : (findCommand(name)?.words ?? []);
  return [words.filter((word) => word.startsWith(typed)), typed];
}

/** Returns the beginning of a key with which the line ends; undefined where no key belongs. */
export function keyBeginning(line: string): string | undefined {
  const [name = '', ...words] = line.trimStart().split(/ +/);
  const keys = findCommand(name.toLowerCase())?.keys;
  const count = words.length;
  const isKey =
    keys === 'all' || (keys === 'first' && count === 1) || (keys !== 'first' && count > 1);
  return keys !== undefined && count > 0 && isKey ? words.at(-1) : undefined;
}

/** Returns the text of `help` and `help <command>`. */
export function helpText(mode: Mode, name?: string): string {
  if (name !== undefined && name !== '') {
    const command = findCommand(name);
    if (command === undefined) return `No help for ${name}: it is sent to the server as typed.`;
    return `${command.name} ${formIn(mode, command)}\n  ${command.summary}`;
  }
  const groups = [...new Set(COMMANDS.map((command) => command.group))];
  return [
    ...groups.map((group) => groupText(mode, group)),
    'A value with spaces at its ends or line ends: set k "two\\nlines \\x00" (also \\t \\r \\\\ \\").',
  ].join('\n');
}

function groupText(mode: Mode, group: CommandHelp['group']): string {
  const rows = COMMANDS.filter((command) => command.group === group).map((command) => {
    const form = `${command.name} ${formIn(mode, command)}`.trimEnd();
    return `  ${form.padEnd(34)} ${command.summary}`;
  });
  return `${group}\n${rows.join('\n')}`;
}

function store(name: string, summary: string): CommandHelp {
  return {
    name,
    group: 'Writing',
    form: STORE_FORM,
    ...(name === 'set' ? { plainForm: SET_PLAIN_FORM } : {}),
    summary,
    keys: 'first',
  };
}
