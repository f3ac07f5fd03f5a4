// Sizes and durations as people read them. Pure. The figures have about three digits, never more.

const SIZE_UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Returns a size such as `999 B`, `1.5 KiB`, `64 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let scaled = bytes;
  let unit = -1;
  // 1023.95 would print as 1024.0: the next unit begins where one decimal would round up to it.
  while (scaled >= 1023.95 && unit < SIZE_UNITS.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  return `${trimmed(scaled)} ${SIZE_UNITS[unit]}`;
}

/** Returns a duration such as `0.4 ms`, `12 ms`, `1.5 s`, `2 min 5 s`, `3 h 20 min`. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${trimmed(ms)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 59.95) return `${trimmed(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Returns 1234567 as `1,234,567`, whatever the locale. */
export function formatCount(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** Returns a count such as `1 key`, `1,234 keys`. */
export function countOf(count: number, thing: string): string {
  return `${formatCount(count)} ${thing}${count === 1 ? '' : thing.endsWith('s') ? 'es' : 's'}`;
}

function trimmed(figure: number): string {
  const text = figure >= 100 ? figure.toFixed(0) : figure.toFixed(1);
  return text.endsWith('.0') ? text.slice(0, -2) : text;
}
