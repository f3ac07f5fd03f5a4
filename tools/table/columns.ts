// The columns of a table, CSV or ndjson, as --columns names them: `key,value`, or `key=id,value=body` where the table
// has other names than a dump (docs/tools.md, "Tables"). The fields are the fields of an entry of a dump. Pure.

import { InvalidArgumentError } from 'commander';

import { ENTRY_FIELDS } from '../../src/store/snapshot-file/entry-fields.js';
import { nearest } from '../client/listing.js';

export type Field = (typeof ENTRY_FIELDS)[number];

export interface Column {
  readonly field: Field;
  /** The name of the column in the table. */
  readonly name: string;
}

export function isField(word: string): word is Field {
  return (ENTRY_FIELDS as readonly string[]).includes(word);
}

/**
 * Returns the columns in their order. Throws InvalidArgumentError for a field that does not exist or is named twice.
 */
export function parseColumns(text: string): readonly Column[] {
  const columns = text.split(',').map((word) => {
    const [field = '', ...rest] = word.trim().split('=');
    if (!isField(field)) {
      const near = nearest(field, ENTRY_FIELDS);
      const meant =
        near === undefined ? `Fields are ${ENTRY_FIELDS.join(', ')}` : `Did you mean ${near}?`;
      throw new InvalidArgumentError(`There is no field ${JSON.stringify(field)}. ${meant}.`);
    }
    return { field, name: rest.length === 0 ? field : rest.join('=') };
  });
  for (const words of [columns.map(({ field }) => field), columns.map(({ name }) => name)]) {
    const twice = words.find((word, at) => words.indexOf(word) !== at);
    if (twice !== undefined) throw new InvalidArgumentError(`${twice} is named twice.`);
  }
  return columns;
}
