// Lists what breaks the rules of CONTRIBUTING.md, "How we write", and which references lead nowhere, below some paths:
// `npm run prose -- src/store docs`. Without a path it reads every file.

import { passagesBelow } from './passages.js';
import { violationsOf } from './prose-rules.js';
import { deadReferencesBelow } from './references.js';

const paths = process.argv.slice(2).map((path) => path.replace(/\/+$/, ''));
const passages = passagesBelow(paths);
const dead = deadReferencesBelow(paths).map((reference) => `${reference} is not there`);
const found = [...passages.flatMap(violationsOf), ...dead];
for (const line of found) process.stdout.write(`${line}\n`);
process.stdout.write(`${found.length} found\n`);
process.exitCode = found.length === 0 ? 0 : 1;
