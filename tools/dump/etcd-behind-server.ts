// The etcd behind a Cairn server: a dump of the server reads one revision of it, which no memcached command can ask
// for (docs/tools.md, "Of a server"). The server says where its etcd is, with the host names that it uses itself.
//
// Invariant: items of another cluster than the server's are never dumped. The same name may lead elsewhere from this machine.
// The id of a cluster proves nothing: all clusters of one node that etcd starts without options have the same one. The proof is
// the claim (src/cluster/etcd/claim.ts), which holds a random name and a time. etcd must have the claim that the server has
// seen, or a later one of the same name. A copy of the cluster from an old backup has an earlier one.

import { storePlace } from '../../src/config/store-place.js';
import type { Env } from '../../src/env/env.js';
import type { RevisionReader } from '../../src/cluster/etcd/revision-reader.js';
import type { Connection } from '../client/connection.js';
import { ToolError } from '../terminal/program.js';
import { openRevision, unreachable, type EtcdPlace } from './etcd-dump.js';

type EtcdBehind =
  | { readonly kind: 'none' }
  /** `why` says why no revision can be read from here. */
  | { readonly kind: 'out-of-reach'; readonly why: string }
  | { readonly kind: 'open'; readonly place: EtcdPlace; readonly reader: RevisionReader };

/**
 * `none`: the items of the server are elsewhere, or it is another memcached server. When a login was given, throws as
 * openRevision() does.
 */
export async function etcdBehind(
  env: Env,
  connection: Connection,
  storeAuthFile: string | undefined,
): Promise<EtcdBehind> {
  const url = await stat(connection, 'stats settings', 'kv_store');
  if (url === undefined || !/^etcds?:/.test(url)) return { kind: 'none' };
  const place = storePlace(url) as EtcdPlace;
  const seen = await stat(connection, 'stats', 'kv_etcd_claim');
  if (seen === undefined || seen === 'unknown') {
    const why = 'the server has not found out yet how to recognize its etcd: try again in 10 s';
    return { kind: 'out-of-reach', why };
  }
  let reader: RevisionReader;
  try {
    reader = await openRevision(env, place, storeAuthFile);
  } catch (error) {
    // A login that the user gave has to be right. Without one it is no error that etcd wants a login.
    const hasLogin = (storeAuthFile ?? process.env['CAIRN_STORE_AUTH']) !== undefined;
    if (hasLogin && !(error instanceof ToolError)) throw error;
    return { kind: 'out-of-reach', why: (error as Error).message };
  }
  let isOpen = false;
  try {
    const claim = await reader.claim().catch(unreachable);
    isOpen = claim !== undefined && isSameOrLater(claim, seen);
  } finally {
    if (!isOpen) reader.close();
  }
  if (isOpen) return { kind: 'open', place, reader };
  const why = `the etcd at ${place.hosts.join(', ')} is another cluster from here than from the server`;
  return { kind: 'out-of-reach', why };
}

/** Both: `<server> <Unix ms>`. */
function isSameOrLater(claim: string, seen: string): boolean {
  const [server, time] = claim.split(' ');
  const [seenServer, seenTime] = seen.split(' ');
  return server === seenServer && Number(time) >= Number(seenTime);
}

/** Returns undefined when the server has no such line. */
async function stat(
  connection: Connection,
  command: string,
  name: string,
): Promise<string | undefined> {
  const { rows } = await connection.request([Buffer.from(`${command}\r\n`)], 'reply');
  const start = `STAT ${name} `;
  return rows.find((row) => row.startsWith(start))?.slice(start.length);
}
