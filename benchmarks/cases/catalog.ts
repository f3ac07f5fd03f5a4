// Every case, in the order of the table in benchmarks/README.md.

import type { Case } from '../bench.js';
import { APPENDS } from './appends.js';
import { BACKUP } from './backup.js';
import { GET, GET_PIPELINED, GET_ZIPFIAN } from './get.js';
import { GET_FROM_DISK } from './get-from-disk.js';
import { CONNECT, STORM } from './connections.js';
import { CLUSTERS } from './clusters.js';
import { COMPACTION } from './compaction.js';
import { DEAD_SHARD } from './dead-shard.js';
import { DISK_BYTES } from './disk-bytes.js';
import { GROWTH } from './growth.js';
import { IDLE } from './idle-connections.js';
import { GET_LARGE, SET_LARGE } from './large-values.js';
import { MEMORY, MEMORY_AFTER_LOAD } from './memory.js';
import { OPEN_LOOPS } from './open-loop.js';
import { MIX, SET, SET_ETCD, SET_MANY, SET_ONE, SET_PIPELINED } from './set.js';
import { START, START_LARGE } from './start-up.js';

export const CASES: readonly Case[] = [
  GET,
  GET_PIPELINED,
  GET_ZIPFIAN,
  GET_FROM_DISK,
  SET_ONE,
  SET,
  SET_MANY,
  SET_PIPELINED,
  MIX,
  ...OPEN_LOOPS,
  SET_ETCD,
  SET_LARGE,
  GET_LARGE,
  APPENDS,
  MEMORY,
  MEMORY_AFTER_LOAD,
  DISK_BYTES,
  START,
  START_LARGE,
  COMPACTION,
  BACKUP,
  GROWTH,
  CONNECT,
  STORM,
  IDLE,
  ...CLUSTERS,
  DEAD_SHARD,
];
