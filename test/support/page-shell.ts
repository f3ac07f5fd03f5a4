// A reader of a page of docs/: pastes its blocks into a shell, saves its files, and keeps terminals open. The programs of the
// package are on the path, and its library and the development dependencies can be imported.
//
// Invariants:
// - A block begins in the folder where the block before it ended. A terminal that is used again begins in its first folder.
// - A block that fails, or does not print what the page shows, is an error with all its output.
// - end() leaves no process.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { PROJECT_DIR } from './golden-file.js';
import { shownPattern, type PageBlock } from './page-blocks.js';

/** A block that takes longer than this fails. */
const BLOCK_TIMEOUT_MS = 60_000;

const manifest = JSON.parse(readFileSync(join(PROJECT_DIR, 'package.json'), 'utf8')) as {
  bin: Record<string, string>;
};

/** Links installed packages without asking a registry; a package that is not a dependency of the project is an error. */
const NPM = `#!/bin/bash
if [ "$1" != install ]; then PATH=\${PATH#*:} exec npm "$@"; fi
for name in "\${@:2}"; do [ -e "${PROJECT_DIR}/node_modules/\${name%@*}" ] || exit 1; done
`;

export class PageShell {
  readonly #dir: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #terminals = new Set<ChildProcess>();
  /** The folder in which a terminal was opened, by its command. */
  readonly #folders = new Map<string, string>();
  #folder: string;

  /** The reader starts in an empty `folder` below `dir`; the test removes `dir`. */
  constructor(dir: string, folder: string, env: Readonly<Record<string, string>> = {}) {
    this.#dir = dir;
    this.#folder = join(dir, folder);
    const programs = join(dir, 'programs');
    for (const made of [this.#folder, programs]) mkdirSync(made);
    for (const [name, path] of Object.entries(manifest.bin)) {
      const line = `exec "${process.execPath}" "${join(PROJECT_DIR, path)}" "$@"`;
      writeFileSync(join(programs, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
    }
    writeFileSync(join(programs, 'npm'), NPM, { mode: 0o755 });
    linkModules(join(dir, 'node_modules'));
    const path = `${programs}${delimiter}${process.env['PATH']}`;
    const quiet = { NO_COLOR: '1', CAIRN_HISTORY: '', NPM_CONFIG_UPDATE_NOTIFIER: 'false' };
    this.#env = { ...process.env, ...quiet, ...env, PATH: path, TMPDIR: dir };
  }

  /** Does what the block wants; resolves when the block has ended, or has printed that it is ready. */
  async run(block: PageBlock): Promise<void> {
    if (block.kind === 'file') {
      writeFileSync(join(this.#folder, block.name ?? ''), block.text);
    } else if (block.kind === 'terminal') {
      await this.#openTerminal(block);
    } else {
      await this.#paste(block);
    }
  }

  /** Ends the processes in the terminals. */
  async end(): Promise<void> {
    await Promise.all([...this.#terminals].map(killGroup));
  }

  async #paste(block: PageBlock): Promise<void> {
    const place = join(this.#dir, 'place');
    // The trap keeps the exit code; a background job of the block belongs to the shell's group.
    const child = this.#spawn(`trap 'pwd >"${place}"' EXIT\n${block.text}`, this.#folder);
    const printed = gather(child);
    const timer = setTimeout(() => void killGroup(child), BLOCK_TIMEOUT_MS);
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    clearTimeout(timer);
    if (code !== 0) throw new Error(`${block.text}ended with ${code ?? signal}:\n${printed()}`);
    this.#folder = readFileSync(place, 'utf8').trim();
    const { shown } = block;
    if (shown !== undefined && !shownPattern(shown).test(plainText(printed()))) {
      throw new Error(`${block.text}should print\n${shown}\nand printed\n${printed()}`);
    }
  }

  async #openTerminal(block: PageBlock): Promise<void> {
    const folder = this.#folders.get(block.text) ?? this.#folder;
    this.#folders.set(block.text, folder);
    const child = this.#spawn(block.text, folder);
    this.#terminals.add(child);
    const printed = gather(child);
    const pattern = shownPattern(block.shown ?? '');
    const tooLate = AbortSignal.timeout(BLOCK_TIMEOUT_MS);
    const isReady = (): boolean => pattern.test(plainText(printed()));
    const gone = Promise.race([once(child, 'exit'), once(tooLate, 'abort')]);
    let isOver = false;
    void gone.then(() => (isOver = true));
    while (!isReady()) {
      if (isOver) throw new Error(`${block.text}has not said\n${block.shown}\nbut\n${printed()}`);
      await Promise.race([once(child.stdout!, 'data'), once(child.stderr!, 'data'), gone]);
    }
  }

  /** Starts a process group, so that everything it starts can be ended. */
  #spawn(text: string, cwd: string): ChildProcess {
    return spawn('bash', ['-eo', 'pipefail', '-c', text], {
      cwd,
      env: this.#env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
}

/** Links the project's modules, and the project itself under its name. */
function linkModules(dir: string): void {
  mkdirSync(dir);
  const installed = join(PROJECT_DIR, 'node_modules');
  for (const name of readdirSync(installed).filter((each) => !each.startsWith('.'))) {
    symlinkSync(join(installed, name), join(dir, name));
  }
  symlinkSync(PROJECT_DIR, join(dir, 'cairn-kv'));
}

/** Returns a function that returns everything the process has printed so far. */
function gather(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  }
  return () => text;
}

/** Returns the text as a page shows it: line ends of the protocol and spaces at the ends of lines do not count. */
function plainText(printed: string): string {
  return printed.replaceAll(/[ \r]+$/gm, '').trim();
}

/** Kills a process group, whose leader may have ended before the processes that it started. */
async function killGroup(child: ChildProcess): Promise<void> {
  const hasEnded = child.exitCode !== null || child.signalCode !== null;
  const ended = hasEnded ? undefined : once(child, 'exit');
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
  await ended;
}
