// The statistics for the metrics: the lines of `stats`, `stats slabs` and `stats items`.

import type { Services } from '../session.js';
import { itemsLines, slabsLines } from './classes.js';
import { generalLines } from './general.js';
import type { StatLines } from './lines.js';

export function measuredLines(services: Services): StatLines {
  return [...generalLines(services), ...slabsLines(services), ...itemsLines(services)];
}
