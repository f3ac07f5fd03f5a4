// Which keys a damaged batch was about, for the operator: what is left of its frames is read without
// trusting it. A guess by nature; nothing but a message is made of it.

import { quotedKey } from '../../printable.js';
import { damageEnd, surveyDamage } from './damage-survey.js';
import type { Segment } from '../segments/segment.js';

const LOOK_BYTES = 1024 * 1024;
const KEYS_MAX = 10;

/**
 * `; keys that may be stale: "a", "b"` for what is damaged from `offset` on, or nothing when none can be
 * made out.
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
