// The sources of settings besides the defaults: the command line, the environment, and the file of --config
// (docs/configuration.md). All of them give words, which the parsers of the flags read.
//
// Invariant: a later source never changes a setting of an earlier one; the order is flag, environment, file, default.

import { InvalidArgumentError, type Command, type Option } from 'commander';

import { suggestion } from '../nearest-name.js';
import { isServiceAddress } from './addresses.js';
import { valueRefusal } from './refusals.js';

/** The settings of a file, in the order of its lines. */
export interface SettingsFile {
  readonly path: string;
  readonly settings: readonly FileSetting[];
}

export interface FileSetting {
  /** The name as the file has it: `max-keys` or `CAIRN_MAX_KEYS`. */
  readonly name: string;
  readonly words: readonly string[];
  readonly isList: boolean;
  readonly line: number;
}

interface Origin {
  readonly source: 'flag' | 'environment' | 'file';
  /** `flag --port`, `environment CAIRN_PORT`, `/etc/cairn/cairn.toml:3`. */
  readonly place: string;
  readonly words: readonly string[];
}

/** Origins by attribute name; settings that have their default are absent. */
export type SettingOrigins = ReadonlyMap<string, Origin>;
type GatheringOrigins = Map<string, Origin>;

/** Options that may be repeated on the command line and be a list in a file. */
const LISTS: ReadonlySet<string> = new Set(['listen', 'extended']);
/** Options that a file cannot set, because they choose the file or say what to do with it. */
const NOT_IN_A_FILE: ReadonlySet<string> = new Set(['config', 'check-config', 'version']);

/** Variables that are no settings of the server: those of kv-client, and internal ones. */
const OTHERS_VARIABLES: ReadonlySet<string> = new Set([
  'CAIRN_HOST',
  'CAIRN_HISTORY',
  'CAIRN_TIMEOUT',
  'CAIRN_PASSWORD_FILE',
  'CAIRN_CACERT',
  'CAIRN_IS_DAEMON',
  // A password has no flag (store-place.ts).
  'CAIRN_STORE_AUTH',
]);
/** Variables of the tests, and those that Kubernetes and Docker set for a service whose name begins with cairn. */
const OTHERS_PATTERN =
  /^CAIRN_(TEST_.*|(.+_)?SERVICE_(HOST|PORT(_.+)?)|(.+_)?PORT_\d+_(TCP|UDP|SCTP)(_.+)?)$/;

/** Returns `CAIRN_` and the long name: CAIRN_MAX_KEYS for the attribute `maxKeys`. */
export function environmentName(option: Option): string {
  return `CAIRN_${option.name().toUpperCase().replaceAll('-', '_')}`;
}

/** Records what the command line gives, and refuses what is no value. Call it before the command line is parsed. */
export function watchFlags(program: Command): GatheringOrigins {
  const origins: GatheringOrigins = new Map();
  for (const option of program.options) {
    program.on(`option:${option.name()}`, (text: string | null) => {
      const refusal = valueRefusal(option, text);
      if (refusal !== undefined) program.error(`error: ${refusal}`);
      const before = origins.get(option.attributeName())?.words ?? [];
      const words = LISTS.has(option.name()) ? [...before, text ?? ''] : [text ?? 'true'];
      const counted = isCounted(option) ? [String(Number(before[0] ?? 0) + 1)] : words;
      const place = `flag ${option.long ?? option.name()}`;
      origins.set(option.attributeName(), { source: 'flag', place, words: counted });
    });
  }
  return origins;
}

/** Applies the environment with the meaning of commander's `.env()`, but from an object that is passed in. */
export function applyEnvironment(
  program: Command,
  env: Readonly<Record<string, string | undefined>>,
  origins: GatheringOrigins,
): void {
  refuseUnknownVariables(program, env);
  for (const option of program.options) {
    if (option.long === '--version') continue;
    const name = environmentName(option);
    const text = env[name];
    if (text === undefined || text === '' || isServiceAddress(text)) continue;
    if (origins.has(option.attributeName())) continue;
    try {
      const value = valueOf(option, [text]);
      const place = `environment ${name}`;
      origins.set(option.attributeName(), { source: 'environment', place, words: [text] });
      setValue(program, option, value, 'env');
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      program.error(`error: environment ${name}='${text}' is invalid. ${error.message}`);
    }
  }
}

/** Applies the file. Settings that a flag or the environment overrides are checked too, so that mistakes show early. */
export function applyFile(program: Command, file: SettingsFile, origins: GatheringOrigins): void {
  const lines = new Map<string, number>();
  for (const setting of file.settings) {
    const place = `${file.path}:${setting.line}`;
    const option = optionNamed(program, setting.name, place);
    const before = lines.get(option.name());
    if (before !== undefined) {
      program.error(`error: ${place}: ${option.name()} is set on line ${before} already: keep one`);
    }
    lines.set(option.name(), setting.line);
    if (setting.isList && !LISTS.has(option.name())) {
      program.error(`error: ${place}: ${setting.name} takes one value, not a list`);
    }
    try {
      const value = valueOf(option, setting.words);
      if (origins.has(option.attributeName())) continue;
      origins.set(option.attributeName(), { source: 'file', place, words: setting.words });
      setValue(program, option, value, 'config');
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      const given = setting.words.map((word) => `'${word}'`).join(', ');
      program.error(`error: ${place}: ${setting.name} ${given} is invalid. ${error.message}`);
    }
  }
}

function optionNamed(program: Command, name: string, place: string): Option {
  const known = program.options.filter((option) => !NOT_IN_A_FILE.has(option.name()));
  const found = known.find((option) => name === option.name() || name === environmentName(option));
  if (found !== undefined) return found;
  if (NOT_IN_A_FILE.has(name)) {
    program.error(`error: ${place}: ${name} is a flag only: remove the line`);
  }
  const names = name.startsWith('CAIRN_')
    ? known.map(environmentName)
    : known.map((option) => option.name());
  const near = suggestion(name, names);
  const next = near === '' ? ': the settings are the long names of the flags' : near;
  return program.error(`error: ${place}: there is no setting '${name}'${next}`);
}

function refuseUnknownVariables(
  program: Command,
  env: Readonly<Record<string, string | undefined>>,
): void {
  const known = program.options.map(environmentName);
  for (const [name, text = ''] of Object.entries(env)) {
    if (!name.startsWith('CAIRN_') || known.includes(name)) continue;
    if (OTHERS_VARIABLES.has(name) || OTHERS_PATTERN.test(name) || isServiceAddress(text)) continue;
    const near = suggestion(name, known);
    program.error(`error: there is no environment variable ${name}${near}: unset or correct it`);
  }
}

/** Parses the words of one setting. Throws InvalidArgumentError that says what would have been right. */
function valueOf(option: Option, words: readonly string[]): unknown {
  if (!option.required) return switchValue(option, words[0] ?? '');
  let value: unknown;
  for (const word of words) value = option.parseArg?.(word, value) ?? word;
  return value;
}

/** Sets a value. A switch that is off counts as absent, but later sources no longer change it. */
function setValue(program: Command, option: Option, value: unknown, source: string): void {
  if (value === false) return;
  program.setOptionValueWithSource(option.attributeName(), value, source);
}

/** Parses the text of a switch. CAIRN_VERBOSE=2 is -vv; the other switches are on or off. */
function switchValue(option: Option, text: string): boolean | number {
  if (/^(0|no|false|off)$/i.test(text)) return false;
  const counts = isCounted(option);
  if (counts && /^\d$/.test(text)) return Number(text);
  if (/^(1|yes|true|on)$/i.test(text)) return counts ? 1 : true;
  throw new InvalidArgumentError(`Give ${counts ? 'a number up to 9' : '1 or 0'}, yes or no.`);
}

function isCounted(option: Option): boolean {
  return !option.required && typeof option.defaultValue === 'number';
}
