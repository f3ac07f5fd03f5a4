// Lists what breaks the rules of CONTRIBUTING.md, "How we write", and which references lead nowhere, below some paths:
// `npm run prose -- src/store docs`.

import { passagesBelow } from './passages.js';
import { violationsOf } from './prose-rules.js';
import { deadReferencesBelow } from './references.js';

const paths = process.argv.slice(2).map((path) => path.replace(/\/+$/, ''));
const broken = passagesBelow(paths)
  .flatMap(violationsOf)
  .map(({ path, line, found, say }) => `${path}:${line}: "${found}" → ${say}`);
const dead = deadReferencesBelow(paths).map((reference) => `${reference} is not there`);
const found = [...broken, ...dead];
for (const line of found) process.stdout.write(`${line}\n`);
process.stdout.write(`${found.length} found\n`);
process.exitCode = found.length === 0 ? 0 : 1;
