// Lists what breaks the rules of CONTRIBUTING.md, "How we write", below some paths: `npm run prose -- src/store docs`.

import { passagesBelow } from './passages.js';
import { violationsOf } from './prose-rules.js';

const paths = process.argv.slice(2).map((path) => path.replace(/\/+$/, ''));
const found = passagesBelow(paths).flatMap(violationsOf);
for (const { path, line, found: words, say } of found)
  process.stdout.write(`${path}:${line}: "${words}" → ${say}\n`);
process.stdout.write(`${found.length} found\n`);
process.exitCode = found.length === 0 ? 0 : 1;
