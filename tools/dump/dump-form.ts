// The forms of a dump, chosen by --format and --columns, as one thing that makes text out of items.

import { SnapshotComposer, type SnapshotHeader } from '../../src/store/snapshot-file/format.js';
import { composeSnapshot, type SnapshotItem } from '../../src/store/snapshot-file/writer.js';
import { FIELDS, type Column } from '../table/columns.js';
import type { TableForm } from './table-text.js';

export type DumpForm =
  | { readonly kind: 'snapshot'; readonly form: 'json' | 'ndjson' }
  | { readonly kind: 'table'; readonly form: TableForm; readonly columns: readonly Column[] };

interface DumpText {
  readonly chunks: AsyncIterable<Buffer>;
  /** After the last chunk: what to write over a part of the first one; undefined: nothing. */
  patch(): { readonly position: number; readonly bytes: Buffer } | undefined;
}

/** A table without --columns has all fields, without values those that are left. */
export function allColumns(keysOnly: boolean): readonly Column[] {
  const fields = FIELDS.filter((field) => !keysOnly || !['value', 'encoding'].includes(field));
  return fields.map((field) => ({ field, name: field }));
}

export async function composeDump(
  form: DumpForm,
  header: SnapshotHeader,
  items: AsyncIterable<SnapshotItem>,
): Promise<DumpText> {
  if (form.kind === 'table') {
    const { composeTable } = await import('./table-text.js');
    return { chunks: composeTable(form.form, form.columns, items), patch: () => undefined };
  }
  const composer = new SnapshotComposer(form.form);
  return {
    chunks: composeSnapshot(composer, header, items),
    patch: () => (header.count === undefined ? composer.countPatch() : undefined),
  };
}
