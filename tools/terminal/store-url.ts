// Refuses the URL of a cluster (`kv-server --store`) where a tool takes a directory or a server. The items are in no
// directory; a server over the cluster has them. The refusal comes before any tool looks for a file of that name.
//
// Invariant: the message does not repeat the word, because the user may have put a password into the URL.

import { EXIT } from '../../src/exit-codes.js';
import { ToolError } from './program.js';

/** Throws a ToolError with 64 for etcd://, etcds://, redis:// and rediss://. `instead` says what to use. */
export function refuseStoreUrl(word: string, instead: string): void {
  if (!/^(?:etcd|redis)s?:\/\//i.test(word)) return;
  throw new ToolError(EXIT.usage, `This names a cluster, which has no data directory: ${instead}`);
}

/** kv-dump reads etcd itself. */
export function isEtcdUrl(word: string): boolean {
  return /^etcds?:\/\//i.test(word);
}
