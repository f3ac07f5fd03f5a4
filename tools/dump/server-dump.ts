// The dump of a running memcached server, real or Cairn, through its protocol (docs/tools.md, "Of a server").

import type { Env } from '../../src/env/env.js';
import { printableLines } from '../../src/printable.js';
import { Connection, type ConnectionOptions } from '../client/connection.js';
import { describeEndpoint, type Endpoint } from '../client/endpoint.js';
import { etcdBehind } from './etcd-behind-server.js';
import { writeRevision } from './etcd-dump.js';
import { countOf } from '../terminal/quantity.js';
import { ServerItems } from './server-items.js';
import { writeItems, type DumpOptions } from './write-dump.js';

export interface Server {
  readonly endpoint: Endpoint;
  readonly options: ConnectionOptions;
  /** The login for the etcd behind the server. */
  readonly storeAuthFile: string | undefined;
}

/**
 * Prints on stderr how many items were dumped and what may be missing. A server over etcd is dumped at one revision
 * when its etcd can be read from here. Throws as ServerItems, writeRevision() and writeItems() do.
 */
export async function writeServerDump(
  env: Env,
  server: Server,
  out: string,
  options: DumpOptions,
): Promise<void> {
  const connection = await Connection.open(server.endpoint, server.options);
  try {
    const behind = await etcdBehind(env, connection, server.storeAuthFile);
    if (behind.kind === 'open') {
      await writeRevision(env, behind.reader, behind.place, out, options);
      return;
    }
    const { prefix, keysOnly } = options;
    const wanted = { prefix: Buffer.from(prefix), keysOnly };
    const source = await ServerItems.open(connection, wanted);
    try {
      const header = { seq: 0, createdAt: env.clock.wallMs(), count: undefined };
      const expected = source.listed;
      const items = source.items();
      const count = await writeItems(env.fs, out, options.form, { header, items, expected });
      const name = describeEndpoint(server.endpoint);
      const said = [
        `${countOf(count, 'key')} of ${name}`,
        ...source.notes().map((note) => `Note: ${note}`),
        ...(behind.kind === 'out-of-reach'
          ? [`Note: one revision of the server's etcd cannot be read from here: ${behind.why}`]
          : []),
      ];
      process.stderr.write(`${printableLines(said.join('\n'))}\n`);
    } finally {
      await source.close();
    }
  } finally {
    await connection.close();
  }
}
