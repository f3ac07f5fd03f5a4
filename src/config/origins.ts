// The origins of the settings: prints the settings in force and the source of each for --check-config. The printed
// text is itself a valid file for --config. A refusal also names the lines of the file that it is about. Pure.

import type { Option } from 'commander';

import type { Exit } from './flags.js';
import type { SettingOrigins } from './sources.js';

interface Parsed {
  readonly origins: SettingOrigins;
  readonly options: readonly Option[];
}

const NOT_SHOWN: ReadonlySet<string> = new Set(['version', 'config', 'check-config']);

/** Composes one line for each setting, in the groups of the help. */
export function composeSettings({ origins, options }: Parsed): string {
  const lines: string[] = [];
  let group: string | undefined;
  const shown = options.filter((option) => !NOT_SHOWN.has(option.name()) && !option.hidden);
  for (const option of shown) {
    if (option.helpGroupHeading !== group) {
      group = option.helpGroupHeading;
      lines.push(...(lines.length > 0 ? [''] : []), `# ${(group ?? '').replace(/:$/, '')}`);
    }
    const origin = origins.get(option.attributeName());
    const words = origin?.words ?? defaultWords(option);
    const place = origin?.place ?? 'default';
    if (words === undefined) {
      lines.push(`# ${option.name()} is not set`);
      continue;
    }
    // Defaults are comments: as a file, the text sets only what is set now, and later defaults apply to the rest.
    const setting = `${origin === undefined ? '# ' : ''}${option.name()} = ${valueText(option, words)}`;
    lines.push(`${setting.padEnd(36)} # ${place}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Adds to a refusal the lines of the file on which the flags that it names were set. */
export function withPlaces(exit: Exit, { origins, options }: Parsed): Exit {
  const named: ReadonlySet<string> = new Set(exit.stderr.match(/(?<![\w-])--?[A-Za-z][\w-]*/g));
  const places = options.flatMap((option) => {
    const origin = origins.get(option.attributeName());
    const isNamed = named.has(option.short ?? '') || named.has(option.long ?? '');
    return isNamed && origin?.source === 'file' ? [`${option.name()}: ${origin.place}`] : [];
  });
  if (places.length === 0) return exit;
  return { ...exit, stderr: exit.stderr.replace('\n', ` (${places.join(', ')})\n`) };
}

function defaultWords(option: Option): readonly string[] | undefined {
  const { defaultValue, defaultValueDescription } = option;
  if (defaultValueDescription !== undefined) return [defaultValueDescription];
  if (!option.required) return [String(Number(defaultValue ?? 0))];
  return defaultValue === undefined ? undefined : [String(defaultValue)];
}

function valueText(option: Option, words: readonly string[]): string {
  if (!option.required && typeof option.defaultValue !== 'number') {
    return String(/^(1|yes|true|on)$/i.test(words[0] ?? ''));
  }
  const texts = words.map((word) =>
    /^(?:0|-?[1-9]\d{0,14})$/.test(word) || /^0\.\d+$/.test(word)
      ? word
      : JSON.stringify(word).replaceAll('\u007f', String.raw`\u007f`),
  );
  return texts.length === 1 ? texts.join() : `[${texts.join(', ')}]`;
}
