// Reads of values that are not in Cairn's memory but in the page cache.

import { loadCase } from '../load-case.js';
import { CAIRN } from '../peers/catalog.js';

/** Flags for almost no memory: the item limit has to fit into half of it. */
const WITHOUT_MEMORY = { memoryMb: 1, flags: ['-I', '256k'] };
const FROM_DISK = 'cairn -m 1';

export const GET_FROM_DISK = loadCase({
  name: 'GET 50 disk',
  title: 'GET, 50 connections, values on disk and in the page cache',
  entrants: [{ peer: CAIRN }, { peer: CAIRN, server: FROM_DISK, settings: WITHOUT_MEMORY }],
  load: { readRatio: 1 },
  comparisons: [{ metric: 'rps', server: FROM_DISK, against: 'cairn', atLeast: 0.7 }],
});
