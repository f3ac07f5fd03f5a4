// Golden files: a test compares with a file under test/golden, in the source tree. With GOLDEN_UPDATE=1 in the
// environment the test writes the file instead; read the difference before you keep it.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PROJECT_DIR = fileURLToPath(new URL('../../../', import.meta.url));
const GOLDEN_DIR = join(PROJECT_DIR, 'test', 'golden');

const isGoldenUpdate = process.env['GOLDEN_UPDATE'] === '1';

/** Returns the text that `name` (such as `log/put.txt`) should hold. With GOLDEN_UPDATE=1 it first writes `actual` there. */
export function golden(name: string, actual: string): string {
  const path = join(GOLDEN_DIR, name);
  if (isGoldenUpdate) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, actual);
  }
  if (!existsSync(path)) throw new Error(`There is no ${path}: make it with GOLDEN_UPDATE=1`);
  return readFileSync(path, 'utf8');
}
