// Parses a line typed at the prompt, in either dialect (docs/protocol.md). Pure. The plain dialect has a form of its own
// for `set` alone, so the other commands are sent in memcached's form. In both dialects `set k 5`, `set k 5
// 0` and `set k 0 0 5` announce a value; any other text after the key is the value itself. A value in double quotes
// may hold escapes. A number is stored in this way: set k "9". Commands may be typed in any case; the server gets
// them in its own.

import { findCommand, formIn, STORE_NAMES, type Mode } from './command-table.js';
import type { ReplyKind } from './reply-reader.js';
import { composeLine, encodingFault, lineFault } from './words.js';

export type TypedLine =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'help'; readonly about: string }
  | { readonly kind: 'leave' }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'request'; readonly bytes: Buffer; readonly reply: ReplyKind }
  /** A command that the client runs as its one-shot command of that name. */
  | { readonly kind: 'own'; readonly name: OwnName; readonly words: readonly string[] }
  | { readonly kind: 'watch'; readonly bytes: Buffer }
  /** The value comes with the next lines; `head` is sent before it. */
  | {
      readonly kind: 'announced';
      readonly head: Buffer;
      readonly valueBytes: number;
      readonly reply: ReplyKind;
    };

const OWN_NAMES = ['keys', 'ttl', 'stats', 'delete', 'delete_prefix'] as const;
export type OwnName = (typeof OWN_NAMES)[number];

function isOwn(name: string): name is OwnName {
  return OWN_NAMES.some((own) => own === name);
}

/** Several keys, which no server takes in one line. `delete k 0` is an old form of one key. */
function isDeleteOfSeveral(words: readonly string[]): boolean {
  return words.length > 2 && words.at(-1) !== 'noreply' && words.slice(2).join(' ') !== '0';
}

const NUMBER = /^\d{1,10}$/;

export function readTypedLine(line: string, mode: Mode): TypedLine {
  const words = line.split(/ +/).filter((word) => word !== '');
  const typed = words[0] ?? '';
  if (typed === '') return { kind: 'nothing' };
  const name = findCommand(typed.toLowerCase())?.name ?? typed;
  words[0] = name;
  // A store command has a value behind its key: any bytes, as long as the line is valid UTF-8.
  const fault =
    lineFault(STORE_NAMES.has(name) ? words.slice(0, 2).join(' ') : line) ?? encodingFault(line);
  if (fault !== undefined) return { kind: 'refused', message: fault };
  if (name === 'help' || name === '?') return { kind: 'help', about: words[1] ?? '' };
  if (isOwn(name) && (name !== 'delete' || isDeleteOfSeveral(words)))
    return { kind: 'own', name, words: words.slice(1) };
  if (name === 'watch') return { kind: 'watch', bytes: composeLine(words) };
  if (name === 'quit' || name === 'exit') return { kind: 'leave' };
  if (STORE_NAMES.has(name)) return readStore(line, words, mode);
  if (name === 'cas') return announced(words, words.length >= 6 ? words[4] : undefined, mode);
  if (name === 'ms' && NUMBER.test(words[2] ?? '')) return announced(words, words[2], mode);
  return { kind: 'request', bytes: composeLine(words), reply: replyKind(words) };
}

/** The least number of words of a command whose last word is `noreply`. With fewer words that word is a key. */
const NOREPLY_WORDS_MIN: ReadonlyMap<string, number> = new Map([
  ...[...STORE_NAMES, 'cas'].map((name) => [name, 4] as const),
  ...['delete', 'delete_prefix', 'incr', 'decr', 'touch'].map((name) => [name, 3] as const),
  ...['verbosity', 'cache_memlimit'].map((name) => [name, 3] as const),
  ['flush_all', 2],
]);

function withoutNoreply(words: readonly string[]): readonly string[] {
  const min = NOREPLY_WORDS_MIN.get(words[0] ?? '') ?? Infinity;
  return words.length >= min && words.at(-1) === 'noreply' ? words.slice(0, -1) : words;
}

/** Returns the length in bytes of the value that a line announces; undefined when none follows. */
export function announcedBytes(words: readonly string[]): number | undefined {
  const known = withoutNoreply(words);
  const [name = '', , second, , fourth] = known;
  const count = known.length;
  const text =
    name === 'ms'
      ? second
      : name === 'cas' || (STORE_NAMES.has(name) && count > 4)
        ? fourth
        : STORE_NAMES.has(name)
          ? second
          : undefined;
  return text !== undefined && NUMBER.test(text) ? Number(text) : undefined;
}

/** Returns the kind of reply that a command line will get. */
export function replyKind(words: readonly string[]): ReplyKind {
  const name = words[0] ?? '';
  if (name === 'quit' || withoutNoreply(words) !== words) return 'none';
  // Quiet meta commands do not always answer: a barrier behind them ends the wait.
  if (/^m[gsda]$/.test(name) && words.slice(2).includes('q')) return 'barrier';
  // A watch answers for ever.
  if (name === 'watch') return 'none';
  return name === 'lru_crawler' && ['metadump', 'mgdump'].includes(words[1] ?? '')
    ? 'listing'
    : 'reply';
}

/** Checks whether a command is sent in the short form of the plain dialect. */
export function isPlain(name: string, mode: Mode): boolean {
  return mode === 'tcp' && name === 'set';
}

function readStore(line: string, words: readonly string[], mode: Mode): TypedLine {
  const [name = '', key = '', ...rest] = words;
  if (key === '') return refused(name, mode);
  const numbers = rest.at(-1) === 'noreply' ? rest.slice(0, -1) : rest;
  const allNumbers = numbers.length > 0 && numbers.every((word) => NUMBER.test(word));
  if (numbers.length === 3 && /^-?\d+$/.test(numbers[1] ?? '') && NUMBER.test(numbers[2] ?? ''))
    return announced(words, numbers[2], mode);
  if (allNumbers && numbers.length <= 2) {
    const [bytes = '', flags = '0'] = numbers;
    const noreply = rest.slice(numbers.length);
    const form = isPlain(name, mode) ? words : [name, key, flags, '0', bytes, ...noreply];
    return announced(form, bytes, mode);
  }
  if (rest.length === 0) return refused(name, mode);
  const value = typedValue(/^ *[^ ]+ +[^ ]+ (.*)$/s.exec(line)?.[1] ?? '');
  const head = isPlain(name, mode)
    ? `${name} ${key} ${value.length}`
    : `${name} ${key} 0 0 ${value.length}`;
  const bytes = Buffer.concat([Buffer.from(`${head}\r\n`), value, Buffer.from('\r\n')]);
  return { kind: 'request', bytes, reply: 'reply' };
}

function announced(words: readonly string[], length: string | undefined, mode: Mode): TypedLine {
  if (length === undefined || !NUMBER.test(length)) return refused(words[0] ?? '', mode);
  const reply = replyKind(words);
  return { kind: 'announced', head: composeLine(words), valueBytes: Number(length), reply };
}

function refused(name: string, mode: Mode): TypedLine {
  const command = findCommand(name);
  const form = command === undefined ? '' : formIn(mode, command);
  return { kind: 'refused', message: `Usage: ${name} ${form}`.trimEnd() };
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0' };

/** Returns the bytes of a value as typed: with escapes in double quotes, otherwise as it stands. */
function typedValue(text: string): Buffer {
  const quoted = /^"((?:[^"\\]|\\.)*)"\s*$/.exec(text);
  if (quoted === null) return Buffer.from(text);
  const pieces: Buffer[] = [];
  const pattern = /\\x([0-9a-fA-F]{2})|\\(.)|([^\\]+)/gsu;
  for (const [, hex, escaped, plain] of (quoted[1] ?? '').matchAll(pattern)) {
    if (hex !== undefined) pieces.push(Buffer.from(hex, 'hex'));
    else if (escaped !== undefined) pieces.push(Buffer.from(ESCAPES[escaped] ?? escaped));
    else pieces.push(Buffer.from(plain ?? ''));
  }
  return Buffer.concat(pieces);
}
