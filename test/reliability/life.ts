// A server that belongs to one row, on a directory that is removed with it.

import { join } from 'node:path';

import { cairnLaunch, ServerProcess, type Launch } from '../../tools/torture/server-process.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { temporaryFolder } from '../support/servers.js';
import { removeFolder } from '../support/remove-folder.js';

export interface Life {
  readonly server: ServerProcess;
  readonly dir: string;
  /** The folder for files of the row; the data directory is in it. */
  readonly folder: string;
}

/** Runs `body` with a server; `wrap` may change how it is started. In the end the server is killed and the folder removed. */
export async function withServer<T>(
  flags: readonly string[],
  body: (life: Life) => Promise<T>,
  wrap: (launch: Launch, folder: string) => Launch = (launch) => launch,
): Promise<T> {
  const folder = temporaryFolder();
  const dir = join(folder, 'data');
  let server: ServerProcess | undefined;
  try {
    server = await ServerProcess.start(wrap(cairnLaunch(dir, flags), folder));
    return await body({ server, dir, folder });
  } finally {
    await server?.kill();
    removeFolder(folder);
  }
}

/** Returns the numeric lines of `stats`, asked over a connection of its own. */
export async function statsOf(port: number): Promise<ReadonlyMap<string, number>> {
  const client = await WireClient.connect(port);
  const stats = await askStats(client);
  client.close();
  return stats;
}

/** As statsOf, over a connection that exists. */
export async function askStats(client: WireClient): Promise<ReadonlyMap<string, number>> {
  const text = await client.list('stats\r\n');
  return new Map([...text.matchAll(/^STAT (\S+) (\S+)\r?$/gm)].map((m) => [m[1]!, Number(m[2])]));
}

/** Returns the p-th percentile, p from 0 to 100. */
export function percentileOf(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))] ?? 0;
}

export const ms = (value: number): string =>
  `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
