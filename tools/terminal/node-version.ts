// Checks the version of Node: a Node that is too old would end a program with a stack trace about syntax or modules
// that it does not know. Each command calls this before it loads anything else.
//
// Invariant: an old Node can read this file and the files that call it.

import { readFileSync } from 'node:fs';

const EXIT_USAGE = 64;

/** Ends the process with 64 and one line when this Node is older than package.json requires. */
export function requireNode(program: string): void {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const { engines } = JSON.parse(text) as { engines: { node: string } };
  const fault = nodeFault(process.versions.node, engines.node);
  if (fault === undefined) return;
  process.stderr.write(`${program}: ${fault}\n`);
  process.exit(EXIT_USAGE);
}

/** Returns what is wrong with a version such as `18.20.4` when `>=20.19.0` is required; undefined when nothing is. */
export function nodeFault(found: string, wanted: string): string | undefined {
  const least = wanted.replace(/^>=/, '');
  const [have, need] = [found, least].map((version) => version.split('.').map(Number));
  for (let at = 0; at < 3; at += 1) {
    const [a, b] = [have?.[at] ?? 0, need?.[at] ?? 0];
    if (a > b) return undefined;
    if (a < b) return `Node ${found} is too old: ${least} or newer is needed`;
  }
  return undefined;
}
