// A store, or a backup, as JSON into an output, for kv-dump and for kv-compact --snapshot: read without a lock and without a
// change, on a running, stopped or crashed directory.

import type { Env } from '../../src/env/env.js';
import { SnapshotComposer, type SnapshotForm } from '../../src/store/snapshot-file/format.js';
import { composeSnapshot, type SnapshotItem } from '../../src/store/snapshot-file/writer.js';
import type { Moment } from '../../src/offline/past-segments.js';
import { openReader } from '../../src/offline/backup/backup-reader.js';
import { endedByReader } from '../terminal/output.js';
import { openOutput } from '../terminal/output-file.js';
import { startProgress, type Progress } from '../terminal/progress.js';

interface DumpOptions {
  readonly format: SnapshotForm;
  readonly prefix: string;
  readonly keysOnly: boolean;
  /** Undefined: now. */
  readonly moment?: Moment | undefined;
}

interface DumpReport {
  readonly count: number;
  readonly seq: number;
}

/** `out` as the user gave it: `-` is stdout. Nothing is left of it when this throws. */
export async function writeDump(
  env: Env,
  dir: string,
  out: string,
  options: DumpOptions,
): Promise<DumpReport> {
  const reader = await openReader(env, dir, options.moment);
  try {
    const prefix = Buffer.from(options.prefix);
    const count = reader.count(prefix);
    const header = { seq: reader.seq, createdAt: env.clock.wallMs(), count };
    const output = await openOutput(env.fs, out, dir);
    // On a terminal stdout shows the dump itself: a bar would only break its lines.
    const shown = output.isFile || !process.stdout.isTTY;
    const progress = await startProgress('dumping', 'keys', count, shown);
    const items = watched(reader.items(prefix), options.keysOnly, progress);
    try {
      const composer = new SnapshotComposer(options.format);
      for await (const chunk of composeSnapshot(composer, header, items))
        await endedByReader(() => output.write(chunk));
    } catch (error: unknown) {
      await output.abandon();
      throw error;
    } finally {
      progress.stop();
    }
    await output.finish();
    return { count, seq: reader.seq };
  } finally {
    await reader.close();
  }
}

async function* watched(
  items: AsyncIterable<SnapshotItem>,
  keysOnly: boolean,
  progress: Progress,
): AsyncGenerator<SnapshotItem> {
  let done = 0;
  for await (const item of items) {
    yield keysOnly ? { ...item, value: undefined } : item;
    done += 1;
    if (done % 1000 === 0) progress.at(done);
  }
}
