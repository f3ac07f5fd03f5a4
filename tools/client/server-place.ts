// A word of the command line that may name a server or a data directory (kv-dump, kv-load). A port or `host:port` is
// always a server; `./11211` is a directory of that name.

import { lookup } from 'node:dns/promises';
import { stat } from 'node:fs/promises';

import { endpointOfHost, isServerUrl, parseEndpoint, type Endpoint } from './endpoint.js';

type NamedPlace =
  | { readonly kind: 'server'; readonly endpoint: Endpoint }
  | { readonly kind: 'directory' }
  | { readonly kind: 'file' }
  /** `mayBeHost` says that the word has no slash in it. */
  | { readonly kind: 'nothing'; readonly mayBeHost: boolean };

/** Looks at the file system and not at the network. Throws a ToolError with 64 for a wrong port or URL. */
export async function placeNamed(word: string): Promise<NamedPlace> {
  const endpoint = parseEndpoint(word);
  if (endpoint !== undefined && (endpoint.kind === 'tcp' || isServerUrl(word)))
    return { kind: 'server', endpoint };
  const found = await stat(word).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (found === undefined) return { kind: 'nothing', mayBeHost: endpoint === undefined };
  if (found.isSocket()) return { kind: 'server', endpoint: { kind: 'unix', path: word } };
  return found.isDirectory() ? { kind: 'directory' } : { kind: 'file' };
}

/** Returns the server on a host that was named without a port; undefined where no host has that name. */
export async function serverOnHost(word: string): Promise<Endpoint | undefined> {
  try {
    await lookup(word.replace(/^\[(.*)\]$/, '$1'));
  } catch {
    // The reason does not matter: the host cannot be connected to.
    return undefined;
  }
  return endpointOfHost(word, process.env);
}
