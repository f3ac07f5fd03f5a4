// Writes man pages and completions of all programs of the package to a directory (`npm run pages`). They are made
// from the --help of each program, so there is no second list of flags that could become outdated.

import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

import { bashCompletion, fishCompletion, zshCompletion, type Completed } from './completions.js';
import { commandsOf, flagsOf, parseHelp, type HelpFlag, type HelpText } from './help-text.js';
import { composeManPage } from './man-page.js';

interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
}

interface Described {
  readonly name: string;
  readonly help: HelpText;
}

const root = join(import.meta.dirname, '../../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

await writePages(process.argv[2] ?? join(root, 'dist/pages'));

async function writePages(dir: string): Promise<void> {
  const scripts = [...new Set(Object.values(manifest.bin))];
  const described = await Promise.all(scripts.map(describe));
  const man = join(dir, 'man1');
  mkdirSync(man, { recursive: true });
  for (const { name, help } of described) {
    const others = described.map((other) => other.name).filter((other) => other !== name);
    writeFileSync(join(man, `${name}.1`), composeManPage(name, manifest.version, help, others));
  }
  const programs: Completed[] = described.map(({ name, help }) => ({
    names: namesOf(name),
    flags: withoutRepeats(flagsOf(help)),
    commands: commandsOf(help),
  }));
  // Each file has the name by which its shell finds it.
  const completions = { 'cairn-kv.bash': bashCompletion, '_cairn-kv': zshCompletion };
  const all = { ...completions, 'cairn-kv.fish': fishCompletion };
  for (const [file, compose] of Object.entries(all)) {
    writeFileSync(join(dir, file), compose(programs));
  }
}

async function describe(script: string): Promise<Described> {
  const help = parseHelp(await helpOf(script, []));
  const withFlags = help.sections
    .flatMap(({ items }) => items)
    .filter(({ term }) => /^\w+ \[options\]/.test(term))
    .map(({ term }) => term.split(' ', 1).join());
  const more = await Promise.all(
    withFlags.map(async (command) => {
      const { sections } = parseHelp(await helpOf(script, [command]));
      const items = sections
        .flatMap((section) => section.items)
        .filter(({ term }) => term.startsWith('-') && !term.includes('--help'));
      return { title: `Options of ${command}`, items };
    }),
  );
  const sections = [...help.sections, ...more.filter(({ items }) => items.length > 0)];
  return { name: basename(script, '.js'), help: { ...help, sections } };
}

/** Commands of kv-client have flags of the same names. */
function withoutRepeats(flags: readonly HelpFlag[]): HelpFlag[] {
  return [...new Map(flags.map((flag) => [flag.long, flag])).values()];
}

/** A program may have two names. */
function namesOf(name: string): string[] {
  return Object.entries(manifest.bin)
    .filter(([, script]) => basename(script, '.js') === name)
    .map(([alias]) => alias);
}

async function helpOf(script: string, words: readonly string[]): Promise<string> {
  const env = { ...process.env, NO_COLOR: '1' };
  const args = [join(root, script), ...words, '--help'];
  return (await promisify(execFile)(process.execPath, args, { env })).stdout;
}
