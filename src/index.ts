// Cairn as a library: the engine inside your process, with the same promises as the server. One process
// may have a directory open at a time (KV_LOCKED otherwise). docs/library.md lists each option, method and error.

export { open, Cairn } from './embedded.js';
export type { CairnChange } from './embedded-changes.js';
export type { CairnEntry, KeyListing, PutResult } from './embedded.js';
export type { Bytes, CairnOptions, ChangesOptions, PutOptions } from './embedded-arguments.js';
export type { LogFields, Logger } from './env/env.js';
export { KvError, isKvError } from './errors.js';
export type { KvErrorCode, KvErrorDetails } from './errors.js';
export type { ChangeType, DeleteReason } from './store/change-log.js';
export type { CompactionReport, SnapshotReport } from './store/store.js';
