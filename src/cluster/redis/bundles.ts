// Bundles: runs of plain commands of a batch, GETs or SETs, that go to the node as one script call. ioredis makes a dozen
// objects per command, which cost more than all that Cairn itself does for a request (docs/decisions/0114-bundles.md).
//
// Invariants:
// - The script executes the commands of a bundle in their order, and answers each as Redis would have answered it alone.
// - A node executes no part of a bundle whose call it refuses.
// - A bundle holds up the other clients of a node no longer than BUNDLE_BYTES_MAX take to copy, or 1 MiB (scripts.ts, GETS) where
//   values are longer than those before.
// - A batch is answered in time: its answers have about ANSWER_BYTES_MAX bytes at most.

import type { Operation } from './operation.js';
import { GETS, SETS } from './scripts.js';

const BUNDLE_BYTES_MAX = 256 * 1024;
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
/** Estimated bytes of an answer before any was seen. */
const FIRST_ANSWER_BYTES = 1024;

/** Operations of a batch that go to the node as one command. */
export interface Bundle {
  readonly operations: readonly Operation[];
  /** The command; undefined: the only operation goes as its own command. */
  readonly call: readonly [name: string, ...args: (string | Buffer)[]] | undefined;
}

export class Bundler {
  #averageBytes = FIRST_ANSWER_BYTES;

  /** Returns the first operations whose answers together are short enough; at least one. */
  headOf(batch: readonly Operation[]): readonly Operation[] {
    let bytes = 0;
    const end = batch.findIndex(({ command }, at) => {
      if (command.name === 'GET') bytes += this.#averageBytes;
      return at > 0 && bytes > ANSWER_BYTES_MAX;
    });
    return end < 0 ? batch : batch.slice(0, end);
  }

  /** Cuts a batch into bundles, in its order. */
  bundlesOf(batch: readonly Operation[]): Bundle[] {
    const bundles: Bundle[] = [];
    for (let start = 0; start < batch.length;) {
      const end = this.#endOf(batch, start);
      const operations = batch.slice(start, end);
      bundles.push({ operations, call: operations.length > 1 ? callOf(operations) : undefined });
      start = end;
    }
    return bundles;
  }

  /** Learns the size of an answer to a GET. The average grows at once and shrinks slowly. */
  measure(bytes: number): void {
    const average = this.#averageBytes;
    this.#averageBytes = bytes > average ? (bytes + average) / 2 : average + (bytes - average) / 64;
  }

  /** The end of the run of alike commands from `start` on, within BUNDLE_BYTES_MAX. */
  #endOf(batch: readonly Operation[], start: number): number {
    const first = batch[start]!;
    let end = start + 1;
    if (!mayBundle(first)) return end;
    let bytes = this.#bytesOf(first);
    for (; end < batch.length; end += 1) {
      const next = batch[end]!;
      bytes += this.#bytesOf(next);
      if (!mayBundle(next) || next.command.name !== first.command.name) break;
      if (bytes > BUNDLE_BYTES_MAX) break;
    }
    return end;
  }

  #bytesOf({ command, bytes }: Operation): number {
    return command.name === 'GET' ? this.#averageBytes : bytes;
  }
}

function mayBundle({ command, isAsking, isAlone }: Operation): boolean {
  return (command.name === 'GET' || command.name === 'SET') && !isAsking && !isAlone;
}

function callOf(operations: readonly Operation[]): [string, ...(string | Buffer)[]] {
  const isRead = operations[0]!.command.name === 'GET';
  const args: (string | Buffer)[] = [];
  for (const { command } of operations) {
    args.push(command.args[0]!);
    // A SET has a key, an item, and, if it expires, PXAT and a time.
    if (!isRead) args.push(command.args[1]!, command.args[3] ?? '');
  }
  return ['EVALSHA', (isRead ? GETS : SETS).sha, '0', ...args];
}
