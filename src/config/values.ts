// Values of settings: parses words of the command line and the environment into sizes, durations, counts, ratios, modes, paths.
// Each parser throws InvalidArgumentError that says what would have been right; commander adds the name of the flag.

import { InvalidArgumentError } from 'commander';

import { GIB, KIB, MIB } from '../limits.js';

const SIZE_UNITS: Readonly<Record<string, number>> = { k: KIB, m: MIB, g: GIB, t: 1024 * GIB };
const MS_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Returns a parser of whole numbers from `min` to `max`. */
export function count(min: number, max: number): (text: string) => number {
  return (text) => within(wholeNumber(text), min, max, String);
}

/** Returns a parser of bytes: `512`, `64k`, `1m`, `2g`. A bare number counts in `unit` bytes (`-m` is in megabytes). */
export function size(min: number, max: number, unit = 1): (text: string) => number {
  return (text) => {
    const match = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text);
    if (match === null) throw new InvalidArgumentError('Give a size such as 512k, 64m or 1g.');
    const suffix = match[2]?.toLowerCase() ?? '';
    const bytes = Math.floor(Number(match[1]) * (SIZE_UNITS[suffix] ?? unit));
    return within(bytes, min, max, sizeText);
  };
}

/** Returns a parser of times in milliseconds: `30` (seconds), `500ms`, `10m`, `1h`, `7d`. */
export function duration(minMs: number): (text: string) => number {
  return (text) => {
    const match = /^(\d+(?:\.\d+)?)(ms|[smhd]?)$/i.exec(text);
    if (match === null) {
      throw new InvalidArgumentError('Give seconds, or a time such as 500ms, 10m, 1h or 7d.');
    }
    const ms = Math.floor(Number(match[1]) * (MS_UNITS[match[2]?.toLowerCase() ?? ''] ?? 1000));
    return within(ms, minMs, Number.MAX_SAFE_INTEGER, (value) => `${value} ms`);
  };
}

/**
 * Parses a path. Refuses what a shell would have replaced or removed: a unit, a file of variables or a TOML file has no
 * shell, and a directory of that very name would be made.
 */
export function path(text: string): string {
  if (text === '') throw new InvalidArgumentError('Give a path.');
  if (/^(~|\$[A-Za-z_{])/.test(text)) {
    throw new InvalidArgumentError(
      `Only a shell replaces ~ and variables: give the whole path, or ./${text} if that is its name.`,
    );
  }
  if (/^(["']).*\1$/.test(text)) throw new InvalidArgumentError('Leave out the quotes.');
  if (/\p{Cc}/u.test(text)) {
    throw new InvalidArgumentError('It has a control character, perhaps the end of its line (CR).');
  }
  return text;
}

/** Parses a share between 0 and 1, without both ends. */
export function ratio(text: string): number {
  const value = Number(text);
  if (text === '' || !(value > 0 && value < 1)) {
    throw new InvalidArgumentError('Give a number between 0 and 1.');
  }
  return value;
}

/** Parses a file mode in octal, as `chmod` takes it. */
export function octalMode(text: string): number {
  if (!/^[0-7]{1,4}$/.test(text)) throw new InvalidArgumentError('Give an octal mode such as 700.');
  return Number.parseInt(text, 8);
}

/** Composes a size for messages in the form of the flags, such as 64m or 1g. */
export function sizeText(bytes: number): string {
  for (const [suffix, unit] of Object.entries(SIZE_UNITS).toReversed()) {
    if (bytes >= unit && bytes % unit === 0) return `${bytes / unit}${suffix}`;
  }
  return String(bytes);
}

function wholeNumber(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}

function within(value: number, min: number, max: number, show: (value: number) => string): number {
  if (value < min) throw new InvalidArgumentError(`It is at least ${show(min)}.`);
  if (value <= max) return value;
  const isBound = max < Number.MAX_SAFE_INTEGER;
  throw new InvalidArgumentError(isBound ? `It is at most ${show(max)}.` : 'It is too large.');
}
