// Every case, in the order of the table in benchmarks/README.md.

import type { Case } from '../bench.js';
import { GET, GET_PIPELINED, GET_ZIPFIAN } from './get.js';
import { GET_FROM_DISK } from './get-from-disk.js';
import { MIX, SET, SET_ETCD, SET_MANY, SET_ONE, SET_PIPELINED } from './set.js';

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
  SET_ETCD,
];
