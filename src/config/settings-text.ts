// The text of a file of --config: parses flat TOML into settings, with the line of each (docs/configuration.md). The TOML
// parser is loaded only when there is a file. Pure.

import type { FileSetting, SettingsFile } from './sources.js';

/** The fault of a file: its place, the reason and the next step. */
interface SettingsFault {
  readonly fault: string;
}

/** Parses a file without checking the names of its settings, which config/sources.ts does. */
export async function parseSettings(
  path: string,
  bytes: Uint8Array,
): Promise<SettingsFile | SettingsFault> {
  const { parse, TomlError } = await import('smol-toml');
  let text: string;
  let table: Readonly<Record<string, unknown>>;
  try {
    // The decoder drops a byte order mark, if there is one.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    table = parse(text);
  } catch (error) {
    if (error instanceof TypeError)
      return { fault: `${path}: this is not UTF-8: save the file as UTF-8` };
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

/** Returns the line on which a name is set or its table begins, which the parser does not report. */
function lineOf(text: string, name: string): number {
  const quoted = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const begins = new RegExp(`^\\s*\\[{0,2}\\s*["']?${quoted}["']?\\s*[=.\\]]`);
  return text.split('\n').findIndex((line) => begins.test(line)) + 1;
}
