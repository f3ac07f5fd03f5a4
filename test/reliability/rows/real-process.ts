// The rows that a real process goes through: failing calls, full disks, kills, signals, bad clients.

import type { FaultRow } from '../row.js';
import { flood, manyConnections, neverReads, slowloris } from './bad-clients.js';
import { slowDisk, twoServers, unusableDirectory } from './data-directory.js';
import { descriptorAttack } from './descriptor-attack.js';
import { failingCalls } from './failing-calls.js';
import { flushStorm } from './flush-storm.js';
import { fullDiskExt4, fullDiskTmpfs } from './full-disk.js';
import { halfOpen } from './half-open.js';
import { killedInRecovery, killedInStop, killedUnderLoad, terminated } from './kills.js';
import { clockJumps, descriptors, fileSize, heapLimit, inodes } from './limits.js';
import { outputs } from './outputs.js';
import { removedLog } from './removed-log.js';
import { passwordGuessing, poolFlood } from './starved-commits.js';
import { stalls } from './stalls.js';
import { halfSentValues, tlsStrangers } from './strangers.js';
import { strangersFiles } from './strangers-files.js';
import { badNumbers, garbage } from './wrong-input.js';

export const REAL_PROCESS_ROWS: readonly FaultRow[] = [
  failingCalls,
  fullDiskTmpfs,
  fullDiskExt4,
  killedUnderLoad,
  killedInRecovery,
  killedInStop,
  terminated,
  unusableDirectory,
  twoServers,
  removedLog,
  strangersFiles,
  outputs,
  slowDisk,
  slowloris,
  neverReads,
  flood,
  manyConnections,
  tlsStrangers,
  halfSentValues,
  passwordGuessing,
  poolFlood,
  halfOpen,
  badNumbers,
  garbage,
  descriptors,
  descriptorAttack,
  fileSize,
  inodes,
  heapLimit,
  clockJumps,
  flushStorm,
  stalls,
];
