// Restore: makes a new store with the state that a reader shows of a backup, or of a store's own past, and reads it back.
//
// Invariants:
// - Values, flags, expiries, CAS tokens and future flushes are those of the moment.
// - The new store has an id of its own: files of the old store never pass for files of the new one.
// - It gives no record a seq, and so a CAS token, that the old store may have used after the moment.

import { crc32 } from 'node:zlib';

import type { Env } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { RECORD } from '../../log/bytes/format.js';
import type { LogRecord } from '../../log/bytes/format.js';
import { checkStore } from '../check.js';
import { RepairedStore } from '../repaired-store.js';
import { StoreReader } from '../store-reader.js';

/** Number of seqs that the old store may have used after the moment: weeks of writes. */
const SEQ_MARGIN = 10_000_000_000;

export interface RestoreReport {
  readonly keys: number;
  /** The moment that was restored. */
  readonly seq: number;
  readonly timeMs: number;
}

/**
 * Writes the state that `reader` shows into `dir` and reads it back. Requires: `dir` is empty. Throws KV_CORRUPTION when
 * the source is damaged, KV_IO when the new store does not read back the same, KV_NO_SPACE. Calls `onKeys` with the
 * number of keys written so far.
 */
export async function restore(
  env: Env,
  reader: StoreReader,
  dir: string,
  onKeys: (keys: number) => void = () => undefined,
): Promise<RestoreReport> {
  const store = new RepairedStore(env, dir, env.clock.wallMs());
  const written = new Digest();
  for await (const record of reader.records()) {
    await store.add(record);
    written.add(record);
    if (written.keys % 1000 === 0) onKeys(written.keys);
  }
  for (const { reference, file } of reader.largeValues()) await store.copyLarge(file, reference);
  const { seq, timeMs } = reader;
  await store.finish(seq + SEQ_MARGIN, timeMs);
  await readBack(env, dir, written, timeMs);
  return { keys: written.keys, seq, timeMs };
}

/** Checks every byte of the new store, and compares every record with the written one. */
async function readBack(env: Env, dir: string, written: Digest, timeMs: number): Promise<void> {
  const { findings } = await checkStore(env, dir, { isServed: false, onProgress: () => undefined });
  const [finding] = findings;
  if (finding !== undefined) throw notTheSame(finding.what, finding.path);
  const read = new Digest();
  // It is read as of the moment itself, so that items that have expired since are compared too.
  const reader = await StoreReader.open(env, dir, { kind: 'time', ms: timeMs });
  try {
    for await (const record of reader.records()) read.add(record);
  } finally {
    await reader.close();
  }
  if (read.keys !== written.keys || read.crc !== written.crc) {
    throw notTheSame(`${read.keys} keys of ${written.keys}, or other values`, dir);
  }
}

function notTheSame(what: string, path: string): KvError {
  const message = `What was written does not read back the same (${what}); look at the disk and restore again`;
  return new KvError('KV_IO', message, { path });
}

/** A checksum over records in their order; for a large value it includes only the descriptor. */
class Digest {
  keys = 0;
  crc = 0;

  add({ type, marks, flags, seq, expiresAt, key, value, cas }: LogRecord): void {
    if (type === RECORD.put) this.keys += 1;
    const head = `${type} ${marks} ${flags} ${seq} ${expiresAt} ${cas} ${key.length} ${value.length} `;
    this.crc = crc32(value, crc32(key, crc32(head, this.crc)));
  }
}
