// The dump of a store over etcd, read from etcd itself. All of it is from one revision (docs/tools.md, "Of a cluster
// of etcd").

import { storePlace, storeText, type StorePlace } from '../../src/config/store-place.js';
import type { Env } from '../../src/env/env.js';
import { isKvError } from '../../src/errors.js';
import { EXIT } from '../../src/exit-codes.js';
import { printableLines } from '../../src/printable.js';
import type { RevisionReader } from '../../src/cluster/etcd/revision-reader.js';
import { readStoreAccess } from '../../src/process/store-access.js';
import type { SnapshotItem } from '../../src/store/snapshot-file/writer.js';
import { ToolError } from '../terminal/program.js';
import { countOf } from '../terminal/quantity.js';
import { writeItems, type DumpOptions } from './write-dump.js';

export type EtcdPlace = Extract<StorePlace, { readonly kind: 'etcd' }>;

/** Throws a ToolError with 64 that does not repeat the word, which may hold a password. */
export function etcdPlace(word: string): EtcdPlace {
  try {
    const place = storePlace(word);
    if (place.kind === 'etcd') return place;
  } catch (error) {
    throw new ToolError(EXIT.usage, (error as Error).message, error);
  }
  throw new ToolError(EXIT.usage, 'Give etcd://host,host,host[/prefix] (etcds: with TLS)');
}

/**
 * Prints on stderr how many items were dumped and of which revision. Throws as openRevision() and writeRevision() do.
 */
export async function writeEtcdDump(
  env: Env,
  place: EtcdPlace,
  storeAuthFile: string | undefined,
  out: string,
  options: DumpOptions,
): Promise<void> {
  const reader = await openRevision(env, place, storeAuthFile);
  await writeRevision(env, reader, place, out, options);
}

/** Throws as RevisionReader.open() does, and a ToolError with 69 when no majority of etcd answers. */
export async function openRevision(
  env: Env,
  place: EtcdPlace,
  storeAuthFile: string | undefined,
): Promise<RevisionReader> {
  const login = { storeAuth: process.env['CAIRN_STORE_AUTH'], storeAuthFile };
  const access = readStoreAccess(place, login);
  const { RevisionReader } = await import('../../src/cluster/etcd/revision-reader.js');
  return RevisionReader.open(env, { ...access, prefix: place.prefix }).catch(unreachable);
}

/**
 * Closes the reader. Throws as RevisionReader and writeItems() do, and a ToolError with 69 when etcd stops answering.
 */
export async function writeRevision(
  env: Env,
  reader: RevisionReader,
  place: EtcdPlace,
  out: string,
  { form, prefix, keysOnly }: DumpOptions,
): Promise<void> {
  try {
    const wanted = Buffer.from(prefix);
    const expected = await reader.count(wanted).catch(unreachable);
    const { revision } = reader;
    const header = { seq: revision, createdAt: env.clock.wallMs(), count: undefined };
    const items = itemsOf(reader, wanted, keysOnly);
    const count = await writeItems(env.fs, out, form, { header, items, expected });
    const said = `${countOf(count, 'key')} at revision ${revision} of ${storeText(place)}`;
    process.stderr.write(`${printableLines(said)}\n`);
  } finally {
    reader.close();
  }
}

async function* itemsOf(
  reader: RevisionReader,
  prefix: Buffer,
  keysOnly: boolean,
): AsyncGenerator<SnapshotItem> {
  const items = reader.items(prefix);
  for (;;) {
    const next = await items.next().catch(unreachable);
    if (next.done === true) return;
    yield keysOnly ? { ...next.value, value: undefined } : next.value;
  }
}

/** Throws a ToolError with 69 when no majority of etcd answers, otherwise the error itself. */
export function unreachable(error: unknown): never {
  if (isKvError(error) && error.code === 'KV_IO')
    throw new ToolError(EXIT.unreachable, error.message, error);
  throw error;
}
