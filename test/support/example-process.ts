// A program of examples/ as a process of its own, as a reader of its page starts it.
//
// Invariants: start() settles when the program has printed that it is up, or rejects with all its output. A program is ended
// by kill(), or with the process that started it.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class ExampleProcess {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #output = '';
  #wake: () => void = () => undefined;

  private constructor(script: string, env: Readonly<Record<string, string>>) {
    const program = join(ROOT, 'examples', script);
    this.#child = spawn(process.execPath, [program], {
      env: { ...process.env, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.#child);
    const collect = (chunk: Buffer): void => {
      this.#output += chunk.toString();
      this.#wake();
    };
    this.#child.stdout?.on('data', collect);
    this.#child.stderr?.on('data', collect);
    this.#closed = once(this.#child, 'close').then(() => {
      running.delete(this.#child);
      this.#wake();
    });
  }

  /** Starts `script`, a path below examples/. Its port is a free one, unless `env` names it. */
  static async start(
    script: string,
    env: Readonly<Record<string, string>>,
  ): Promise<ExampleProcess> {
    const example = new ExampleProcess(script, env);
    await example.says(/^(?:listening on \S+|ready)$/m);
    return example;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The program's output to stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  /** The URL at which the program listens. */
  get url(): string {
    return /^listening on (\S+)$/m.exec(this.#output)?.[1] ?? '';
  }

  /** Sends a signal, and resolves to the exit code when the program has ended and all its output has come. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    this.#child.kill(signal);
    await this.#closed;
    return this.#child.exitCode;
  }

  /** Waits until the output matches. Rejects when the program ends before. One caller at a time may wait. */
  async says(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#output)) {
      if (!running.has(this.#child)) throw new Error(`It ended early: ${this.#output}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
