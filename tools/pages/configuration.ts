// The flag tables of docs/configuration.md, written into that page (`npm run pages`). A tidy test compares the two.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { readConfig } from '../../src/config/config.js';
import { withFlagTables } from './flag-tables.js';
import { parseHelp } from './help-text.js';

const path = join(import.meta.dirname, '../../../docs/configuration.md');
const help = readConfig(['--help'], {}, '');
if (!('code' in help)) throw new Error('--help serves');
writeFileSync(path, withFlagTables(readFileSync(path, 'utf8'), parseHelp(help.stdout)));
