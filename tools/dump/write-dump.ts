// Writes items of any source as a dump into an output. Also dumps a data directory or a backup, for kv-dump and for
// kv-compact --snapshot: it reads them without a lock and changes nothing, whether the server is running, stopped or
// crashed.

import type { Env, Fs } from '../../src/env/env.js';
import type { SnapshotHeader } from '../../src/store/snapshot-file/format.js';
import type { SnapshotItem } from '../../src/store/snapshot-file/writer.js';
import type { Moment } from '../../src/offline/past-segments.js';
import { openReader } from '../../src/offline/backup/backup-reader.js';
import { endedByReader } from '../terminal/output.js';
import { openOutput } from '../terminal/output-file.js';
import { startProgress } from '../terminal/progress.js';
import { composeDump, type DumpForm } from './dump-form.js';

export interface DumpOptions {
  readonly form: DumpForm;
  readonly prefix: string;
  readonly keysOnly: boolean;
}

interface StoreDumpOptions extends DumpOptions {
  /** The moment to dump; by default now. */
  readonly moment?: Moment | undefined;
}

interface DumpSource {
  readonly header: SnapshotHeader;
  readonly items: AsyncIterable<SnapshotItem>;
  /** The number of items to expect. */
  readonly expected: number;
  /** The store that is read: the output must not be one of its files. */
  readonly storeDir?: string;
}

interface DumpReport {
  readonly count: number;
  readonly seq: number;
}

/**
 * `out` is the word of the user; `-` is stdout. When this throws, no part of the output is left. Resolves with the
 * number of items.
 */
export async function writeItems(
  fs: Fs,
  out: string,
  form: DumpForm,
  source: DumpSource,
): Promise<number> {
  const output = await openOutput(fs, out, source.storeDir);
  // On a terminal stdout shows the dump itself, and a bar would break its lines.
  const shown = output.isFile || !process.stdout.isTTY;
  const progress = await startProgress('dumping', 'keys', source.expected, shown);
  let count = 0;
  const items = counted(source.items, () => {
    count += 1;
    if (count % 1000 === 0) progress.at(count);
  });
  try {
    const text = await composeDump(form, source.header, items);
    for await (const chunk of text.chunks) await endedByReader(() => output.write(chunk));
    const patch = text.patch();
    if (patch !== undefined) await output.overwrite(patch.bytes, patch.position);
  } catch (error: unknown) {
    await output.abandon();
    throw error;
  } finally {
    progress.stop();
  }
  await output.finish();
  return count;
}

/** Dumps the store in a directory, as writeItems() does. */
export async function writeDump(
  env: Env,
  dir: string,
  out: string,
  options: StoreDumpOptions,
): Promise<DumpReport> {
  const reader = await openReader(env, dir, options.moment);
  try {
    const { seq } = reader;
    const prefix = Buffer.from(options.prefix);
    const expected = reader.count(prefix);
    const header = { seq, createdAt: env.clock.wallMs(), count: expected };
    const all = reader.items(prefix);
    const items = options.keysOnly ? withoutValues(all) : all;
    const source = { header, items, expected, storeDir: dir };
    return { count: await writeItems(env.fs, out, options.form, source), seq };
  } finally {
    await reader.close();
  }
}

async function* counted(
  items: AsyncIterable<SnapshotItem>,
  onItem: () => void,
): AsyncGenerator<SnapshotItem> {
  for await (const item of items) {
    yield item;
    onItem();
  }
}

async function* withoutValues(items: AsyncIterable<SnapshotItem>): AsyncGenerator<SnapshotItem> {
  for await (const item of items) yield { ...item, value: undefined };
}
