// The users of `-Y`: reads lines `user:password` or `user:$scrypt$…` (kv-client passwd writes the latter).
// Invariants: a comparison takes the same time wherever the password differs. If all lines are of one kind, it also
// takes the same time for unknown users. Names and passwords are never logged.

import { createHash, timingSafeEqual } from 'node:crypto';

import { readOptionFile } from '../env/option-file.js';
import { KvError } from '../errors.js';
import { isPasswordDigest } from '../password-digest.js';

export class Users {
  readonly #path: string;
  #passwords: ReadonlyMap<string, string>;
  /** Grows when the users are read again. */
  generation = 0;

  /** Throws KV_NO_PERMISSION without permission to read, KV_BAD_OPTION for an unusable file or a bad line. */
  constructor(path: string) {
    this.#path = path;
    this.#passwords = readUsers(path);
  }

  /** Reads the file again; on failure the users stay as they were and the error is thrown. */
  reload(): void {
    this.#passwords = readUsers(this.#path);
    this.generation += 1;
  }

  /** Returns the secret to compare with. An unknown user gets the first user's, so that the comparison takes as long. */
  secretOf(user: Buffer): { readonly secret: string; readonly isKnown: boolean } {
    const known = this.#passwords.get(user.toString('latin1'));
    const [first = ''] = this.#passwords.values();
    return { secret: known ?? first, isKnown: known !== undefined };
  }

  /** Checks the pair if the user's line holds the password itself; undefined when it holds a digest. */
  isRightInClear(user: Buffer, password: Buffer): boolean | undefined {
    const { secret, isKnown } = this.secretOf(user);
    if (isPasswordDigest(secret)) return undefined;
    return timingSafeEqual(sha256(password), sha256(Buffer.from(secret, 'latin1'))) && isKnown;
  }
}

/** Returns a hash, because timingSafeEqual() needs equal lengths. */
function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function readUsers(path: string): ReadonlyMap<string, string> {
  const text = readOptionFile('The file of -Y', path).toString('latin1');
  const users = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    const entry = line.replace(/\r$/, '');
    if (entry === '' || entry.startsWith('#')) continue;
    const colon = entry.indexOf(':');
    if (colon < 1 || colon === entry.length - 1) {
      throw new KvError('KV_BAD_OPTION', `Line ${index + 1} is not user:password`, { path });
    }
    users.set(entry.slice(0, colon), entry.slice(colon + 1));
  }
  if (users.size === 0) throw new KvError('KV_BAD_OPTION', 'The file of -Y has no users', { path });
  return users;
}
