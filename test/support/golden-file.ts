// Golden files: what a test compares with is in a file under test/golden, in the source tree. With
// GOLDEN_UPDATE=1 in the environment the files are written instead; read the difference before you keep it.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROJECT_DIR = fileURLToPath(new URL('../../../', import.meta.url));
const GOLDEN_DIR = join(PROJECT_DIR, 'test', 'golden');

const isGoldenUpdate = process.env['GOLDEN_UPDATE'] === '1';

/** The text that `name` (such as `log/put.txt`) should hold; with GOLDEN_UPDATE=1 it is made to. */
export function golden(name: string, actual: string): string {
  const path = join(GOLDEN_DIR, name);
  if (isGoldenUpdate) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, actual);
  }
  if (!existsSync(path)) throw new Error(`There is no ${path}: make it with GOLDEN_UPDATE=1`);
  return readFileSync(path, 'utf8');
}
