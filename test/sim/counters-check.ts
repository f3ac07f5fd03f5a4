// Oracles O5 and O8: the store's counters match its content. Items and bytes are counted again from the listing, and
// files from the directory.

import type * as S from '../../src/store/store.js';
import { parseFileName } from '../../src/log/bytes/file-names.js';
import { DIR } from './engine.js';
import { Violation } from './history.js';
import type { SimWorld } from './sim-world.js';

/** Long enough for the sweeper to drop dead items, and for the log to record a time after they died. */
const SETTLE_MS = 3000;
const TRIES = 4;

/** Compares the counters. Requires: no faults, and no client writes. Throws a Violation. */
export async function checkCounters(world: SimWorld, store: S.LocalStore): Promise<void> {
  let wrong = '';
  for (let tries = 0; tries < TRIES; tries++) {
    const { kind } = await world.scheduler.advance(SETTLE_MS);
    if (kind !== 'value') throw new Violation(`It should have rested, and was ${kind}`);
    wrong = differenceOf(world, store);
    // An item that expires just now is in one count and not in the other.
    if (wrong === '') return;
  }
  throw new Violation(wrong);
}

function differenceOf(world: SimWorld, store: S.LocalStore): string {
  const stats = store.stats();
  const told = (name: string): number => Number(stats.get(name));
  const listed = listAll(store);
  const bytes = listed.reduce((sum, item) => sum + item.bytes, 0);
  if (told('curr_items') !== listed.length || told('bytes') !== bytes) {
    return `There are ${listed.length} items of ${bytes} B, counted as ${told('curr_items')} of ${told('bytes')} B`;
  }
  if (told('kv_watermark') !== told('kv_last_seq')) return 'Something is unsynced for ever';
  const names = world.disk.list(DIR) ?? [];
  const kinds = names.map((name) => parseFileName(name));
  const segments = kinds.filter(({ kind }) => kind === 'segment').length;
  // The table also contains a prepared successor.
  if (segments !== told('kv_segments')) {
    return `There are ${segments} segments, counted as ${told('kv_segments')}: ${names.join(' ')}`;
  }
  const large = kinds.filter(({ kind }) => kind === 'large-value').length;
  if (large > listed.length) return `There are ${large} large values for ${listed.length} items`;
  const left = names.filter((name) => name.endsWith('.tmp'));
  if (left.length > 0) return `Left over: ${left.join(' ')}`;
  const dead = told('kv_dead_bytes');
  const all = told('kv_segment_bytes');
  if (dead < 0 || dead > all) return `${dead} of ${all} B are dead`;
  return '';
}

function listAll(store: S.LocalStore): S.Listed[] {
  const listed: S.Listed[] = [];
  let cursor = 0;
  do {
    const page = store.list(cursor, 100);
    listed.push(...page.entries);
    ({ cursor } = page);
  } while (cursor !== 0);
  return listed;
}
