// Refusals of a command line that the parser's own messages do not explain: a flag whose value is missing takes the next
// flag as its value, a flag without a value got one, and a word stands where no word may stand. Pure.

import type { CommanderError, Command, Option } from 'commander';

/** Options whose value may be empty or a single character such as `-` or `=`. */
const ANY_TEXT: ReadonlySet<string> = new Set(['extended', 'delimiter']);

/** Returns the refusal of a text that is most likely not the value of its option; undefined when it may be one. */
export function valueRefusal(option: Option, text: string | null): string | undefined {
  if (!option.required || text === null) return undefined;
  const isAny = ANY_TEXT.has(option.name()) && text.length < 2;
  if (isAny) return undefined;
  if (text === '') return `option '${option.flags}' needs a value, and an empty one was given`;
  if (/^-(?!\d|$)/.test(text)) {
    return `option '${option.flags}' needs a value, and '${text}' looks like the next flag`;
  }
  if (!text.startsWith('=')) return undefined;
  const value = text.slice(1);
  const right =
    option.short === undefined
      ? `${option.long} ${value}`
      : `${option.short} ${value} or ${option.long}=${value}`;
  return `option '${option.flags}' argument '${text}' is invalid. Write ${right}`;
}

/** Returns the refusal of what commander refused, when it can be said better; otherwise undefined. */
export function explained(
  { code }: CommanderError,
  program: Command,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (code === 'commander.excessArguments') return wordRefusal(program.args[0] ?? '', env);
  if (code !== 'commander.unknownOption') return undefined;
  for (const word of argv) {
    const equals = word.indexOf('=');
    const option = program.options.find(({ long }) => long === word.slice(0, Math.max(0, equals)));
    if (option === undefined || option.required) continue;
    return `option '${option.flags}' takes no value: leave out '${word.slice(equals)}'`;
  }
  return undefined;
}

function wordRefusal(
  word: string,
  { npm_lifecycle_event: script }: Readonly<Record<string, string | undefined>>,
): string {
  const message = `'${word}' belongs to no flag: every setting is a flag, as in -p 8080`;
  // npm keeps the flags for itself and passes only their values.
  return script === 'start'
    ? `${message}; npm needs -- before them: npm start -- -p 8080`
    : message;
}
