// The origins of logins: counts how often the logins of each origin failed lately. The delay before a check
// and the order of checks depend on that count (docs/protocol.md, "Authentication").
// Invariants: all unix sockets are one origin, and so is an IPv6 network of 64 bits, because the owner of one
// of its addresses has them all. Failures are forgotten a minute after the last one. The number of remembered
// origins is bounded; one that has waiting checks is never dropped.

/** The failures of an origin are forgotten after this time without another failure. */
const FORGET_MS = 60_000;
const ORIGINS_MAX = 10_000;
const UNIX = 'unix';
const MAPPED_IPV4 = '::ffff:';
const NETWORK_GROUPS = 4;
const ALL_GROUPS = 8;

export class Origin {
  /** Number of waiting checks of this origin, kept by CheckQueue. */
  checks = 0;
  #failures = 0;
  #failedMs = 0;

  /** Returns how many logins failed lately. */
  failures(nowMs: number): number {
    if (nowMs - this.#failedMs >= FORGET_MS) this.#failures = 0;
    return this.#failures;
  }

  failed(nowMs: number): void {
    this.#failures = this.failures(nowMs) + 1;
    this.#failedMs = nowMs;
  }
}

export class Origins {
  /** The origins in the order of their last use, the newest last. */
  readonly #origins = new Map<string, Origin>();

  get size(): number {
    return this.#origins.size;
  }

  of(address: string | undefined): Origin {
    const name = originOf(address);
    const origin = this.#origins.get(name) ?? new Origin();
    this.#origins.delete(name);
    this.#origins.set(name, origin);
    if (this.#origins.size > ORIGINS_MAX) this.#dropOldest();
    return origin;
  }

  #dropOldest(): void {
    for (const [name, origin] of this.#origins) {
      if (origin.checks > 0) continue;
      this.#origins.delete(name);
      return;
    }
  }
}

/** Returns the name of the origin for a socket's remote address; undefined is a unix socket. */
export function originOf(address: string | undefined): string {
  if (address === undefined || address === '') return UNIX;
  if (address.toLowerCase().startsWith(MAPPED_IPV4)) return address.slice(MAPPED_IPV4.length);
  return address.includes(':') ? networkOf(address) : address;
}

/** Returns the first 64 bits of an IPv6 address, written out. */
function networkOf(address: string): string {
  const [plain = ''] = address.split('%');
  const [left = '', right] = plain.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const zeros = Array.from(
    { length: Math.max(0, ALL_GROUPS - head.length - tail.length) },
    () => '0',
  );
  return `${[...head, ...zeros, ...tail].slice(0, NETWORK_GROUPS).join(':')}::/64`;
}
