// A dump into an output, whatever the items come from; and the dump of a data directory or a backup, for kv-dump and for
// kv-compact --snapshot: read without a lock and without a change, on a running, stopped or crashed one.

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
  /** Undefined: now. */
  readonly moment?: Moment | undefined;
}

interface DumpSource {
  readonly header: SnapshotHeader;
  readonly items: AsyncIterable<SnapshotItem>;
  /** How many items there are likely to be. */
  readonly expected: number;
  /** The store that is read: the output may be no file of it. */
  readonly storeDir?: string;
}

interface DumpReport {
  readonly count: number;
  readonly seq: number;
}

/** `out` as the user gave it: `-` is stdout. Nothing is left of it when this throws. Resolves with the number of items. */
export async function writeItems(
  fs: Fs,
  out: string,
  form: DumpForm,
  source: DumpSource,
): Promise<number> {
  const output = await openOutput(fs, out, source.storeDir);
  // On a terminal stdout shows the dump itself: a bar would only break its lines.
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

/** The store in a directory, as writeItems() does. */
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
