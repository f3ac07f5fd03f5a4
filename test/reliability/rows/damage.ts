// The rows of damaged data, which must be noticed, refused or saved.

import type { FaultRow } from '../row.js';
import { flipElsewhere, flipInTail, flipMidLog } from './flips.js';
import { incompleteCopy } from './incomplete-copy.js';
import { readErrors } from './read-errors.js';
import { repair } from './repair.js';
import { newerFormat, wrongSegments } from './segments.js';
import { zeroTail } from './zeros.js';

export const DAMAGE_ROWS: readonly FaultRow[] = [
  flipMidLog,
  flipInTail,
  flipElsewhere,
  wrongSegments,
  incompleteCopy,
  zeroTail,
  newerFormat,
  readErrors,
  repair,
];
