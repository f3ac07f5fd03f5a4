// The rows of the fault matrix, in the order of docs/reliability.md.

import type { FaultRow } from './row.js';
import { CLUSTER_ROWS } from './rows/clusters.js';
import { DAMAGE_ROWS } from './rows/damage.js';
import { powerLoss, powerLossAfterEio } from './rows/power-loss.js';
import { REAL_PROCESS_ROWS } from './rows/real-process.js';
import { SIMULATED_CRASH_ROWS } from './rows/simulated-crashes.js';
import { SIMULATED_LIFE_ROWS } from './rows/simulated-lives.js';
import { tornTail } from './rows/torn-tail.js';

export const FAULT_ROWS: readonly FaultRow[] = [
  tornTail,
  ...SIMULATED_CRASH_ROWS,
  ...SIMULATED_LIFE_ROWS,
  ...DAMAGE_ROWS,
  powerLoss,
  powerLossAfterEio,
  ...REAL_PROCESS_ROWS,
  ...CLUSTER_ROWS,
];
