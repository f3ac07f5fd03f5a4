// Limits that hold everywhere, whoever the client is and whatever the options are. What an operator may
// change is in src/config/config.ts; what the disk format fixes is in src/log/bytes/format.ts.

import { assert } from './assert.js';

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

/** memcached's longest key; `--max-key-bytes` raises it to KEY_BYTES_LIMIT. */
export const KEY_BYTES_MAX_DEFAULT = 250;
/** The longest key that the disk format can hold. */
export const KEY_BYTES_LIMIT = 65_535;
/** memcached's `-I` default. */
export const VALUE_BYTES_MAX_DEFAULT = MIB;
/** The largest `-I`. */
export const VALUE_BYTES_LIMIT = GIB;
/**
 * Larger values are streamed into a file of their own instead of the log, so that neither memory nor
 * the commits of others depend on their size (docs/format.md, "Large values").
 */
export const INLINE_VALUE_BYTES_MAX = MIB;
/** A command line that grows over this without a line end closes the connection (memcached's limit). */
export const LINE_BYTES_MAX = 2048;
/** A relative exptime reaches 30 days; anything above is an absolute Unix time (memcached's rule). */
export const EXPTIME_RELATIVE_SECONDS_MAX = 60 * 60 * 24 * 30;
/** seq is kept in 48 bits, in memory and on disk: 89 years at 100,000 writes per second. */
export const SEQ_MAX = 2 ** 48 - 1;
/** The version that the server reports: clients adapt to it (libmemcached reads three numbers). */
export const MEMCACHED_VERSION = '1.6.45';

assert(KEY_BYTES_MAX_DEFAULT <= KEY_BYTES_LIMIT, 'The default key limit fits the format');
assert(INLINE_VALUE_BYTES_MAX <= VALUE_BYTES_LIMIT, 'Inline values are values');
