// The rows of damaged data: what must be noticed, refused or saved.

import type { FaultRow } from '../row.js';
import { repair } from './repair.js';

export const DAMAGE_ROWS: readonly FaultRow[] = [repair];
