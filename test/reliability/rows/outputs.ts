// The output files of the tools: each way to name an output × each thing that may be there already (docs/tools.md,
// "Output files").

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';

import { nodeEnv } from '../../../src/env/node-env.js';
import { EXIT } from '../../../src/exit-codes.js';
import { openStore } from '../../../src/store/open-store.js';
import { put } from '../../support/data-directory.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { temporaryFolder } from '../../support/servers.js';
import { runTool, type ToolRun } from '../../support/tool-run.js';
import { canMount, mountTmpfs } from '../machine.js';
import type { FaultRow, Tried } from '../row.js';
import { removeFolder } from '../../support/remove-folder.js';

const KEYS = 200;
const WRITERS = [
  ['kv-dump', '--out'],
  ['kv-compact', '--snapshot'],
] as const;

function isDump(text: string): boolean {
  return (JSON.parse(text) as { count: number }).count === KEYS;
}

/** One store, and places for output beside it. */
interface Bench {
  readonly root: string;
  readonly dir: string;
  readonly write: (out: string) => Promise<ToolRun>;
}

/** Each case returns what is wrong, or undefined. */
type Case = (bench: Bench, run: string) => Promise<string | undefined>;

const CASES: Readonly<Record<string, Case>> = {
  'a link to a file with another name and a mode': async ({ root, write }, run) => {
    const [real, other, link] = [
      join(root, `${run}.json`),
      join(root, `${run}-2`),
      join(root, `${run}-link`),
    ];
    writeFileSync(real, 'old');
    chmodSync(real, 0o604);
    linkSync(real, other);
    symlinkSync(real, link);
    const { code, stderr } = await write(link);
    if (code !== EXIT.ok) return stderr;
    if (!isDump(readFileSync(other, 'utf8'))) return 'the other name has another file';
    if (readlinkSync(link) !== real) return 'the link was replaced';
    return (statSync(real).mode & 0o777) === 0o604 ? undefined : 'the mode was changed';
  },
  'a link to nowhere': async ({ root, write }, run) => {
    const link = join(root, `${run}-dangling`);
    symlinkSync(`${run}-new.json`, link);
    const { code, stderr } = await write(link);
    if (code !== EXIT.ok) return stderr;
    return isDump(readFileSync(join(root, `${run}-new.json`), 'utf8')) ? undefined : 'no dump';
  },
  'a pipe': async ({ root, write }, run) => {
    const pipe = join(root, `${run}-pipe`);
    execFileSync('mkfifo', [pipe]);
    const reader = spawn('cat', [pipe]);
    const closed = once(reader, 'close');
    const chunks: Buffer[] = [];
    reader.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    const { code, stderr } = await write(pipe);
    await closed;
    if (code !== EXIT.ok) return stderr;
    if (!lstatSync(pipe).isFIFO()) return 'the pipe was replaced';
    return isDump(Buffer.concat(chunks).toString()) ? undefined : 'no dump came out of it';
  },
  '/dev/stdout': async ({ write }) => {
    const { code, stdout, stderr } = await write('/dev/stdout');
    if (code !== EXIT.ok) return stderr;
    return isDump(stdout.toString()) ? undefined : 'no dump';
  },
  '-': async ({ write }) => {
    const { code, stdout, stderr } = await write('-');
    if (code !== EXIT.ok) return stderr;
    return isDump(stdout.toString()) ? undefined : 'no dump';
  },
  '/dev/full': async ({ write }) => {
    const { code, stderr } = await write('/dev/full');
    return code === EXIT.io && stderr.includes('ENOSPC') ? undefined : `${code}: ${stderr}`;
  },
  'a full disk': async ({ write }) => {
    if (!canMount()) return undefined;
    const disk = mountTmpfs('size=128k');
    try {
      const out = join(disk.dir, 'out.json');
      writeFileSync(out, 'old');
      const { code, stderr } = await write(out);
      if (code !== EXIT.io) return `${code}: ${stderr}`;
      if (readFileSync(out, 'utf8') !== 'old') return 'the old file is gone';
      return readdirSync(disk.dir).join() === basename(out) ? undefined : 'something was left';
    } finally {
      disk.remove();
    }
  },
  'files of a store': async ({ root, dir, write }, run) => {
    const names = ['MANIFEST', 'LOCK', readdirSync(dir).find((name) => name.endsWith('.seg'))!];
    const link = join(root, `${run}-manifest`);
    symlinkSync(join(dir, 'MANIFEST'), link);
    for (const out of [
      ...names.map((name) => join(dir, name)),
      link,
      join(dir, '0000000077-0000.seg'),
    ]) {
      const before = existsSync(out) ? readFileSync(out) : undefined;
      const { code } = await write(out);
      if (code !== EXIT.usage) return `${out} ended with ${code}`;
      const after = existsSync(out) ? readFileSync(out) : undefined;
      if (before?.toString('hex') !== after?.toString('hex')) return `${out} was changed`;
    }
    return undefined;
  },
  'two runs at once': async ({ root, write }, run) => {
    const out = join(root, `${run}-both.json`);
    mkdirSync(`${out}.tmp`);
    const codes = (await Promise.all([write(out), write(out)])).map(({ code }) => code);
    // Two tools that compact cannot both have the store.
    if (!codes.includes(EXIT.ok)) return `ended with ${codes.join(' and ')}`;
    const left = readdirSync(root).filter((name) => name.startsWith(basename(out)));
    if (left.length !== 2) return `left ${left.join(', ')}`;
    return isDump(readFileSync(out, 'utf8')) ? undefined : 'a mixture';
  },
};

export const outputs: FaultRow = {
  name: 'outputs',
  fault:
    'An output is a link, a pipe, a device, on a full disk, asked for twice at once, or a file of a store',
  required:
    'Links, pipes and devices are written through, and never replaced; mode and other names stay; a full disk is 74 and leaves nothing; no file of a store is touched',
  injection: 'kv-dump --out, kv-compact --snapshot and kv-check --to on a stopped store',
  try: async () => {
    const root = temporaryFolder();
    try {
      return await tryOutputs(root);
    } finally {
      removeFolder(root);
    }
  },
};

async function tryOutputs(root: string): Promise<Tried> {
  const dir = join(root, 'data');
  const store = await openStore(nodeEnv(new QuietLogger()), dir, { snapshot: 'never' });
  for (let at = 1; at < KEYS; at++) void put(store, `key-${at}`, 'v'.repeat(2000));
  await put(store, 'last', 'v');
  await store.close();
  const failures: string[] = [];
  let tried = 0;
  for (const [tool, flag] of WRITERS) {
    const write = (out: string): Promise<ToolRun> => runTool(tool, [dir, flag, out]);
    const attempts = Object.entries(CASES).map(([what, attempt], at) => async () => {
      const wrong = await attempt({ root, dir, write }, `${tool}-${at}`);
      if (wrong !== undefined) failures.push(`${tool} ${flag}, ${what}: ${wrong}`);
    });
    tried += attempts.length;
    // A tool that compacts has the store to itself.
    if (tool === 'kv-dump') await Promise.all(attempts.map((attempt) => attempt()));
    else for (const attempt of attempts) await attempt();
  }
  for (const [what, wrong] of await tryRepairs(root, dir)) {
    tried += 1;
    if (wrong !== undefined) failures.push(`kv-check --to, ${what}: ${wrong}`);
  }
  const { code, stdout } = await runTool('kv-check', [dir]);
  if (code !== EXIT.ok) failures.push(`the store is not whole any more: ${stdout.toString()}`);
  return { tried, failures, figure: `${WRITERS.length} ways to name a file, and --to` };
}

/** Tries kv-check --to, whose output is a directory. */
async function tryRepairs(root: string, dir: string): Promise<[string, string | undefined][]> {
  const repair = (to: string): Promise<ToolRun> =>
    runTool('kv-check', [dir, '--repair', '--to', to]);
  const link = join(root, 'to-link');
  symlinkSync(dir, link);
  const occupied = join(root, 'occupied');
  mkdirSync(occupied);
  writeFileSync(join(occupied, 'report.tmp'), 'x');
  const results: [string, string | undefined][] = [];
  for (const to of [join(occupied, 'report.tmp'), link, join(link, 'new'), occupied]) {
    const { code } = await repair(to);
    results.push([basename(to), code === EXIT.usage ? undefined : `ended with ${code}`]);
  }
  const both = join(root, 'both');
  const codes = (await Promise.all([repair(both), repair(both)])).map(({ code }) => code);
  const isOne = codes.filter((code) => code === EXIT.ok).length === 1;
  const { code } = await runTool('kv-check', [both]);
  results.push(['two at once', isOne && code === EXIT.ok ? undefined : codes.join(' and ')]);
  return results;
}
