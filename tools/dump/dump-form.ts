// The forms of a dump, chosen by --format and --columns. Each form turns items into text.

import { SnapshotComposer, type SnapshotHeader } from '../../src/store/snapshot-file/format.js';
import { composeSnapshot, type SnapshotItem } from '../../src/store/snapshot-file/writer.js';
import { ENTRY_FIELDS } from '../../src/store/snapshot-file/entry-fields.js';
import type { Column } from '../table/columns.js';
import type { TableForm } from './table-text.js';

export type DumpForm =
  | { readonly kind: 'snapshot'; readonly form: 'json' | 'ndjson' }
  | { readonly kind: 'table'; readonly form: TableForm; readonly columns: readonly Column[] };

interface DumpText {
  readonly chunks: AsyncIterable<Buffer>;
  /** Called after the last chunk: returns the bytes that replace a part of the first chunk; undefined when none do. */
  patch(): { readonly position: number; readonly bytes: Buffer } | undefined;
}

/** Returns the columns of a table without --columns: all fields, or, without values, all fields that keys have. */
export function allColumns(keysOnly: boolean): readonly Column[] {
  const fields = ENTRY_FIELDS.filter(
    (field) => !keysOnly || !['value', 'encoding'].includes(field),
  );
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
