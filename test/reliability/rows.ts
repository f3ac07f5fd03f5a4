// Every row of the fault matrix, in the order of docs/reliability.md.

import type { FaultRow } from './row.js';
import { failingCalls } from './rows/failing-calls.js';
import { fullDiskExt4, fullDiskTmpfs } from './rows/full-disk.js';
import { powerLoss, powerLossAfterEio } from './rows/power-loss.js';
import { tornTail } from './rows/torn-tail.js';

export const FAULT_ROWS: readonly FaultRow[] = [
  tornTail,
  fullDiskTmpfs,
  fullDiskExt4,
  powerLoss,
  powerLossAfterEio,
  failingCalls,
];
