// The dump of a running memcached server, real or Cairn, through its protocol (docs/tools.md, "Of a server").

import type { Env } from '../../src/env/env.js';
import { printableLines } from '../../src/printable.js';
import { Connection, type ConnectionOptions } from '../client/connection.js';
import { describeEndpoint, type Endpoint } from '../client/endpoint.js';
import { countOf } from '../terminal/quantity.js';
import { ServerItems } from './server-items.js';
import { writeItems, type DumpOptions } from './write-dump.js';

/** Says on stderr how much it was and what may be missing. Throws as ServerItems and writeItems() do. */
export async function writeServerDump(
  env: Env,
  server: { readonly endpoint: Endpoint; readonly options: ConnectionOptions },
  out: string,
  options: DumpOptions,
): Promise<void> {
  const connection = await Connection.open(server.endpoint, server.options);
  try {
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
      ];
      process.stderr.write(`${printableLines(said.join('\n'))}\n`);
    } finally {
      await source.close();
    }
  } finally {
    await connection.close();
  }
}
