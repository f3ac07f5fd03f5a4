// Rows that a real process lives through: failing calls, full disks, kills, signals, bad clients.

import type { FaultRow } from '../row.js';
import { failingCalls } from './failing-calls.js';
import { fullDiskExt4, fullDiskTmpfs } from './full-disk.js';

export const REAL_PROCESS_ROWS: readonly FaultRow[] = [failingCalls, fullDiskTmpfs, fullDiskExt4];
