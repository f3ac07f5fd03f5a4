// The text of a file of --config → settings: TOML, flat, with the line of each (docs/configuration.md). The parser of TOML
// is loaded when there is a file. Pure.

import type { FileSetting, SettingsFile } from './sources.js';

/** What is wrong with a file, with its place and what to do. */
interface SettingsFault {
  readonly fault: string;
}

/** The names are not looked at here: config/sources.ts knows them. */
export async function parseSettings(
  path: string,
  bytes: Uint8Array,
): Promise<SettingsFile | SettingsFault> {
  const { parse, TomlError } = await import('smol-toml');
  let text: string;
  let table: Readonly<Record<string, unknown>>;
  try {
    // Without a byte order mark, should there be one.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    table = parse(text);
  } catch (error) {
    if (error instanceof TypeError) return { fault: `${path}: this is not UTF-8: save it as such` };
    if (!(error instanceof TomlError)) throw error;
    const why = error.message.split('\n', 1)[0]?.replace(/^Invalid TOML document: /, '');
    const hint = 'a line is name = value, with quotes round text: max-bytes = "10g"';
    return { fault: `${path}:${error.line}: this is not TOML (${why}); ${hint}` };
  }
  const settings: FileSetting[] = [];
  for (const [name, value] of Object.entries(table)) {
    const line = lineOf(text, name);
    const items: readonly unknown[] = Array.isArray(value) ? value : [value];
    const words = items.map(wordOf);
    if (words.includes(undefined)) {
      const what =
        `'${name}' is a table or a date; settings stand by themselves, ` +
        'their values are text, numbers, true or false, or lists of those';
      return { fault: `${path}:${line}: ${what}` };
    }
    settings.push({ name, words: words as string[], isList: Array.isArray(value), line });
  }
  return { path, settings: settings.toSorted((one, other) => one.line - other.line) };
}

function wordOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

/** Where a name is set, or its table begins. The parser does not tell. */
function lineOf(text: string, name: string): number {
  const quoted = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const begins = new RegExp(`^\\s*\\[{0,2}\\s*["']?${quoted}["']?\\s*[=.\\]]`);
  return text.split('\n').findIndex((line) => begins.test(line)) + 1;
}
