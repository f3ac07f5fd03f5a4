// Password digests of an auth file: `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, the PHC string format. Salt (16 bytes)
// and hash (32 bytes) are in base64 without padding; N = 2^ln (docs/tools.md, "Password lines").
// `kv-client passwd` composes the digests.
// Invariant: a digest made with any parameters in bounds can be checked. The comparison takes constant time.

import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';

const COST_LOG2 = 15;
const BLOCK_SIZE = 8;
const PARALLEL = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Checking a line of an auth file never takes more memory than this, whatever its parameters are. */
const MEMORY_BYTES_MAX = 256 * 1024 * 1024;

const DIGEST = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/-]+)\$([\w+/-]+)$/;

export function isPasswordDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** Returns the digest of a password with a fresh salt. Takes some 32 MiB and 0.1 s of the calling thread. */
export function composePasswordDigest(password: string): string {
  const salt = randomBytes(SALT_BYTES);
  const bytes = Buffer.from(password);
  const hash = derive(bytes, salt, HASH_BYTES, COST_LOG2, BLOCK_SIZE, PARALLEL);
  const parameters = `ln=${COST_LOG2},r=${BLOCK_SIZE},p=${PARALLEL}`;
  return `$scrypt$${parameters}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Checks whether the digest is of this password; false for a text that is no digest. Takes as long as composing. */
export function isPasswordOf(password: Uint8Array, digest: string): boolean {
  const [, costLog2, blockSize, parallel, salt = '', hash = ''] = DIGEST.exec(digest) ?? [];
  if (costLog2 === undefined) return false;
  const [ln, r, p] = [Number(costLog2), Number(blockSize), Number(parallel)];
  if (ln < 1 || r < 1 || p < 1 || 128 * r * (2 ** ln + p) > MEMORY_BYTES_MAX) return false;
  const expected = Buffer.from(hash, 'base64');
  if (expected.length < 16) return false;
  const found = derive(password, Buffer.from(salt, 'base64'), expected.length, ln, r, p);
  return timingSafeEqual(found, expected);
}

function derive(
  password: Uint8Array,
  salt: Buffer,
  bytes: number,
  costLog2: number,
  blockSize: number,
  parallel: number,
): Buffer {
  const options = { N: 2 ** costLog2, r: blockSize, p: parallel, maxmem: 2 * MEMORY_BYTES_MAX };
  return scryptSync(password, salt, bytes, options);
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
