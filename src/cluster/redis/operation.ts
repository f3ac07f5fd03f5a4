// Operation: one command on one key, on its way to the shard that has the key, with the functions that take its answer or the
// reason why there is none.

import type { Job } from '../batcher.js';

/** The reason why Redis gave no answer. `closed`: the operation was not executed. `unknown`: it may have been. */
export type NoAnswer = 'closed' | 'unknown' | 'no-memory' | 'no-space' | 'damaged';

/** `writes`: the command always changes the key. `may-write`: that depends on the item. */
type Effect = 'reads' | 'writes' | 'may-write';

/** The key in Redis, its slot, and the deadline. */
export interface Target {
  readonly key: Buffer;
  readonly slot: number;
  /** Deadline on the monotonic clock: an operation that has not been sent by then is refused. */
  readonly deadlineMs: number;
}

export interface Command {
  readonly name: string;
  readonly args: (string | Buffer)[];
  readonly effect: Effect;
  /** The command has its place among the commands on all keys. */
  readonly isForAllKeys?: boolean;
}

export class Operation implements Job {
  readonly target: Target;
  readonly command: Command;
  readonly bytes: number;
  /** The key is being moved: the node takes the command only after ASKING. */
  isAsking = false;
  /** The node refused it within a script: it goes as a command of its own, whose error tells more. */
  isAlone = false;
  /** Takes the reply of Redis when it is as durable as the store promises; never called after refuse(). */
  readonly settle: (reply: unknown) => void;
  readonly refuse: (why: NoAnswer) => void;

  constructor(
    target: Target,
    command: Command,
    settle: (reply: unknown) => void,
    refuse: (why: NoAnswer) => void,
  ) {
    this.target = target;
    this.command = command;
    this.settle = settle;
    this.refuse = refuse;
    let bytes = 0;
    for (const arg of command.args) bytes += arg.length;
    this.bytes = bytes;
  }

  get deadlineMs(): number {
    return this.target.deadlineMs;
  }

  expire(): void {
    this.refuse('closed');
  }
}
