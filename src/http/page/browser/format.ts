// Numbers, sizes, times and bytes as people read them.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytesText(bytes: number): string {
  let unit = 0;
  let size = bytes;
  while (size >= 1023.5 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : short(size)} ${UNITS[unit]}`;
}

/** Returns the number with three figures. */
function short(size: number): string {
  if (size >= 99.95) return size.toFixed(0);
  return size >= 9.995 ? size.toFixed(1) : size.toFixed(2);
}

export function countText(count: number): string {
  return Math.round(count).toLocaleString('en');
}

/** Returns a rate per second. */
export function rateText(rate: number): string {
  if (rate === 0 || rate >= 100) return countText(rate);
  return rate >= 10 ? rate.toFixed(1) : rate.toFixed(2);
}

export function shareText(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}

export function msText(ms: number): string {
  if (ms < 1) return `${(ms * 1000).toFixed(0)} µs`;
  if (ms < 1000) return `${short(ms)} ms`;
  return `${short(ms / 1000)} s`;
}

/** Returns a duration in its two largest units. */
export function durationText(seconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ];
  const at = units.findIndex(([, size]) => seconds >= size);
  if (at < 0) return '0 s';
  const [name, size] = units[at]!;
  const next = units[at + 1];
  const first = `${Math.floor(seconds / size)} ${name}`;
  const rest = next === undefined ? 0 : Math.floor((seconds % size) / next[1]);
  return rest === 0 ? first : `${first} ${rest} ${next![0]}`;
}

/** Returns a time to live as the server gives it, in seconds; -1 is "never". */
export function ttlText(seconds: number): string {
  return seconds < 0 ? '–' : durationText(seconds);
}
