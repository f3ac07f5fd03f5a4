// Looks: the order of meta reads and the calls behind them. Such a read may have to change the item (the first read of a stale
// item wins), which a script does. Most reads change nothing, so a read looks by GET first, and the script follows when it is
// needed. Until a look has ended, calls that may change its key wait: otherwise the script would find the item of a later call.
//
// Invariant: the calls that wait for a key are made in the order in which they came.

interface Line {
  looks: number;
  readonly held: (() => void)[];
}

export class Looks {
  readonly #lines = new Map<string, Line>();

  /** Makes the look at the key at once, or behind the calls that wait for earlier looks. `look` does not reject. */
  take<T>(key: Buffer, look: () => Promise<T>): Promise<T> {
    const name = key.toString('latin1');
    const found = this.#lines.get(name);
    if (found !== undefined && found.held.length > 0) {
      return new Promise((resolve) => {
        found.held.push(() => resolve(this.take(key, look)));
      });
    }
    const line = found ?? { looks: 0, held: [] };
    if (found === undefined) this.#lines.set(name, line);
    line.looks += 1;
    return look().then((result) => {
      this.#end(name, line);
      return result;
    });
  }

  /** True: `call` will be made when the looks at its key have ended. False: the caller need not wait. */
  holds(key: Buffer, onlyReads: boolean, call: () => void): boolean {
    if (this.#lines.size === 0) return false;
    const line = this.#lines.get(key.toString('latin1'));
    if (line === undefined || (onlyReads && line.held.length === 0)) return false;
    line.held.push(call);
    return true;
  }

  #end(name: string, line: Line): void {
    line.looks -= 1;
    if (line.looks > 0) return;
    this.#lines.delete(name);
    // A look among them holds the calls behind it again, in their order.
    for (const call of line.held) call();
  }
}
