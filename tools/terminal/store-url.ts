// The URL of a cluster (`kv-server --store`) where a tool takes a directory or a server: the items are in no directory, and
// are asked for at a server over the cluster. Said before anybody looks for a file of that name.
//
// Invariant: the word is not repeated: whoever gives a URL may have put a password into it.

import { EXIT } from '../../src/exit-codes.js';
import { ToolError } from './program.js';

/** Throws a ToolError with 64 for etcd://, etcds://, redis:// and rediss://. `instead` says what to use. */
export function refuseStoreUrl(word: string, instead: string): void {
  if (!/^(?:etcd|redis)s?:\/\//i.test(word)) return;
  throw new ToolError(EXIT.usage, `This names a cluster, which has no data directory: ${instead}`);
}

/** What kv-dump reads itself. */
export function isEtcdUrl(word: string): boolean {
  return /^etcds?:\/\//i.test(word);
}
