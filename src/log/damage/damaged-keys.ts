// Damaged keys: guesses which keys a damaged batch held, for a message to the operator. It reads what is left of the
// frames without a valid checksum, so the result is used only in messages.

import { quotedKey } from '../../printable.js';
import { damageEnd, surveyDamage } from './damage-survey.js';
import type { Segment } from '../segments/segment.js';

const LOOK_BYTES = 1024 * 1024;
const KEYS_MAX = 10;

/**
 * Returns `; keys that may be stale: "a", "b"` for the damage from `offset` on, or an empty string when no key can
 * be guessed.
 */
export async function staleKeysNote({ file, salt }: Segment, offset: number): Promise<string> {
  const end = await damageEnd(file, salt, offset, await file.size());
  const { lost } = await surveyDamage(file, salt, offset, Math.min(end, offset + LOOK_BYTES));
  const keys = lost.flatMap(({ seems }) => {
    const key = seems?.key;
    return key === undefined || key.length === 0 ? [] : [quotedKey(key)];
  });
  if (keys.length === 0) return '';
  const more = keys.length > KEYS_MAX ? ' and others' : '';
  return `; keys that may be stale: ${keys.slice(0, KEYS_MAX).join(', ')}${more}`;
}
