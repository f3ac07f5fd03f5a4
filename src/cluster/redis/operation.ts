// One operation on one key, on its way to the shard that has it: the command, what is made of its answer, and what it
// is told when there is none.

import type { Job } from '../batcher.js';

/** An answer that is no answer of Redis's. `closed`: it was not executed. `unknown`: it may have been. */
export type NoAnswer = 'closed' | 'unknown' | 'no-memory' | 'no-space' | 'damaged';

/** `writes`: it changes the key whenever it is executed. `may-write`: that depends on the item. */
type Effect = 'reads' | 'writes' | 'may-write';

/** The key as Redis has it, and where it belongs. */
export interface Target {
  readonly key: Buffer;
  readonly slot: number;
  /** On the monotonic clock: what has not been sent by then is refused. */
  readonly deadlineMs: number;
}

export interface Command {
  readonly name: string;
  readonly args: (string | Buffer)[];
  readonly effect: Effect;
}

export class Operation implements Job {
  readonly target: Target;
  readonly command: Command;
  readonly bytes: number;
  /** The key is being moved: the node takes it only after ASKING. */
  isAsking = false;
  /** Called with Redis's reply when that is as durable as the store promises; never after refuse(). */
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
