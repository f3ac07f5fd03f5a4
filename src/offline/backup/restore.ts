// Makes a new store of what a reader shows of a backup, or of a store's own past, and reads it back.
//
// Invariants:
// - Values, flags, expiries, CAS tokens and flushes that are still to come are those of the moment.
// - The new store has an id of its own: files of the old one never pass for its.
// - It gives out no seq, and so no CAS token, that the old one may have given out after the moment.

import { crc32 } from 'node:zlib';

import type { Env } from '../../env/env.js';
import { KvError } from '../../errors.js';
import { RECORD } from '../../log/bytes/format.js';
import type { LogRecord } from '../../log/bytes/format.js';
import { checkStore } from '../check.js';
import { RepairedStore } from '../repaired-store.js';
import { StoreReader } from '../store-reader.js';

/** So many seqs may have been given out between the moment and the end of the old store: weeks of writes. */
const SEQ_MARGIN = 10_000_000_000;

export interface RestoreReport {
  readonly keys: number;
  /** The moment that was restored. */
  readonly seq: number;
  readonly timeMs: number;
}

/**
 * Writes the state that `reader` shows into `dir`, which is empty, and reads it back. Throws KV_CORRUPTION when the
 * source is damaged, KV_IO when what was written does not read back the same, KV_NO_SPACE. `onKeys` is told of progress.
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

/** Every byte, and every record as it was handed over. */
async function readBack(env: Env, dir: string, written: Digest, timeMs: number): Promise<void> {
  const { findings } = await checkStore(env, dir, { isServed: false, onProgress: () => undefined });
  const [finding] = findings;
  if (finding !== undefined) throw notTheSame(finding.what, finding.path);
  const read = new Digest();
  // At the moment itself: what has expired since stands there all the same.
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

/** Of records in their order; of a large value its descriptor. */
class Digest {
  keys = 0;
  crc = 0;

  add({ type, marks, flags, seq, expiresAt, key, value, cas }: LogRecord): void {
    if (type === RECORD.put) this.keys += 1;
    const head = `${type} ${marks} ${flags} ${seq} ${expiresAt} ${cas} ${key.length} ${value.length} `;
    this.crc = crc32(value, crc32(key, crc32(head, this.crc)));
  }
}
