// The etcd behind a Cairn server: a dump of the server reads one revision of it, which no memcached command can ask
// for (docs/tools.md, "Of a server"). The server says where its etcd is, with the host names that it uses itself.
//
// Invariant: another cluster than the server's is never read. The same host name may lead elsewhere from this
// machine, so the id of the cluster that is reached has to be the id that the server names.

import { storePlace } from '../../src/config/store-place.js';
import type { Env } from '../../src/env/env.js';
import type { RevisionReader } from '../../src/cluster/etcd/revision-reader.js';
import type { Connection } from '../client/connection.js';
import { ToolError } from '../terminal/program.js';
import { openRevision, type EtcdPlace } from './etcd-dump.js';

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
  let reader: RevisionReader;
  try {
    reader = await openRevision(env, place, storeAuthFile);
  } catch (error) {
    // A login that the user gave has to be right. Without one it is no error that etcd wants a login.
    const hasLogin = (storeAuthFile ?? process.env['CAIRN_STORE_AUTH']) !== undefined;
    if (hasLogin && !(error instanceof ToolError)) throw error;
    return { kind: 'out-of-reach', why: (error as Error).message };
  }
  const cluster = await stat(connection, 'stats', 'kv_etcd_cluster');
  if (cluster === reader.cluster) return { kind: 'open', place, reader };
  reader.close();
  const why = `the etcd at ${place.hosts.join(', ')} is another cluster from here than from the server`;
  return { kind: 'out-of-reach', why };
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
