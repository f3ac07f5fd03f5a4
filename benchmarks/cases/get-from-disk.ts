// Reads of values that are not in Cairn's memory but in the page cache.

import { loadCase } from '../load-case.js';
import { CAIRN } from '../peers/catalog.js';

const FROM_DISK = 'cairn -m 1';

export const GET_FROM_DISK = loadCase({
  name: 'GET 50 disk',
  title: 'GET, 50 connections, values on disk and in the page cache',
  entrants: [{ peer: CAIRN }, { peer: CAIRN, server: FROM_DISK, settings: { memoryMb: 1 } }],
  load: { readRatio: 1 },
  comparisons: [{ metric: 'rps', server: FROM_DISK, against: 'cairn', atLeast: 0.7 }],
});
