// kv-server as its users start it: a process with flags and a data directory of its own, which the test ends.

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../tools/kv-server.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class ServerCommand {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';
  #wake: () => void = () => undefined;

  constructor(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [SCRIPT, ...argv], { env: { ...process.env, ...env } });
    this.child.stdout.on('data', (text: Buffer) => (this.#stdout += text.toString()));
    this.child.stderr.on('data', (text: Buffer) => {
      this.#stderr += text.toString();
      this.#wake();
    });
    this.ended = this.#end();
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits for a text on stderr, or for the end of the process. */
  async says(text: string): Promise<string> {
    return this.saysTimes(text, 1);
  }

  /** Waits until a text has come that many times on stderr, or for the end of the process. */
  async saysTimes(text: string, times: number): Promise<string> {
    const gone = this.ended.then(() => true);
    while (this.#stderr.split(text).length <= times) {
      const said = new Promise<boolean>((resolve) => (this.#wake = () => resolve(false)));
      if (await Promise.race([said, gone])) break;
    }
    return this.#stderr;
  }

  /** Waits until the server listens; returns its (first) port. */
  async port(): Promise<number> {
    const line = await this.says(', ready in');
    const port = /listening on [^\n]*?:(\d+)/.exec(line)?.[1];
    if (port === undefined) throw new Error(`It does not listen: ${line}`);
    return Number(port);
  }

  async #end(): Promise<Ended> {
    const [code, signal] = (await once(this.child, 'close')) as [
      number | null,
      NodeJS.Signals | null,
    ];
    return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
  }
}
