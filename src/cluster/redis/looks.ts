// The order of meta reads and what comes behind them. Such a read may have to change the item (the first one of a stale item
// wins), which a script does; most need not, so it looks by GET, and the script follows when there is something to do. Until
// a look has ended, whatever may change its key waits: else the script would find what a later call has left.
//
// Invariant: what waits for a key is called in the order in which it came.

interface Line {
  looks: number;
  readonly held: (() => void)[];
}

export class Looks {
  readonly #lines = new Map<string, Line>();

  /** Takes the look at that key in its turn: at once, or behind what waits for earlier ones. `look` does not reject. */
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

  /** True: `call` is made when the looks at its key have ended. False: nothing is in its way. */
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
    // A look among them holds those behind it again, in their order.
    for (const call of line.held) call();
  }
}
