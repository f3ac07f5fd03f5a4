// Messages of the control socket of a running server, one JSON object per line. The socket is `control.sock` in the
// data directory, and only the owner of the directory can reach it. The tool sends one request; the server
// answers with any number of progress lines and one last line, then closes (docs/tools.md).

import type { CompactionReport, SnapshotReport } from '../store/store.js';

export type ControlRequest =
  | { readonly command: 'compact'; readonly everything?: boolean }
  /** `path` is absolute; without it `snapshot.json` in the data directory is replaced. */
  | { readonly command: 'snapshot'; readonly path?: string }
  | { readonly command: 'stats' };

/** Engine counters, name → value. */
export type ControlStats = Readonly<Record<string, number | string>>;

export interface ControlResults {
  readonly compact: CompactionReport;
  readonly snapshot: SnapshotReport;
  readonly stats: ControlStats;
}

/** Bytes of segments that the compaction has read, and the total at its start. */
export interface ControlProgress {
  readonly done: number;
  readonly total: number;
}

export type ControlAnswer =
  | { readonly progress: ControlProgress }
  | { readonly result: unknown }
  | { readonly error: { readonly code: string; readonly message: string } };

/** Longest request. */
export const CONTROL_LINE_BYTES_MAX = 64 * 1024;

/** Returns the request of a line, or a text that says what is wrong with it. */
export function parseControlRequest(line: string): ControlRequest | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return 'The request is not JSON';
  }
  if (typeof parsed !== 'object' || parsed === null) return 'The request is not an object';
  const { command, everything, path } = parsed as Record<string, unknown>;
  switch (command) {
    case 'compact':
      return { command, everything: everything === true };
    case 'snapshot':
      if (path === undefined) return { command };
      if (typeof path !== 'string' || !path.startsWith('/')) return 'path is not absolute';
      return { command, path };
    case 'stats':
      return { command };
    default:
      return `Unknown command: ${JSON.stringify(command)}`;
  }
}
