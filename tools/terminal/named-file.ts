// Named file: reads a small file that an option names. The system names no path when the file is a directory, so every
// failure gets the path here.

import { readFile } from 'node:fs/promises';

/** Returns the whole file. Rejects with the system's error, which has the path. */
export async function readNamedFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error: unknown) {
    throw error instanceof Error ? Object.assign(error, { path }) : error;
  }
}

/** Returns the first line without its end. Rejects as readNamedFile does. */
export async function readFirstLine(path: string): Promise<string> {
  const text = (await readNamedFile(path)).toString('utf8');
  return text.replace(/^\uFEFF/, '').split(/\r?\n/)[0] ?? '';
}
