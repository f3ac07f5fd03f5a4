// Cairn as a library: the engine inside your process, with the same promises as the server. One process
// may have a directory open at a time (KV_LOCKED otherwise).

export { open, Cairn } from './embedded.js';
export type { CairnEntry, KeyListing, PutResult } from './embedded.js';
export type { CairnOptions, PutOptions } from './embedded-arguments.js';
export { KvError, isKvError } from './errors.js';
export type { KvErrorCode } from './errors.js';
export type { CompactionReport, SnapshotReport } from './store/store.js';
