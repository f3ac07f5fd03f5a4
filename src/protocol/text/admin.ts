// The reader of lines that tune a cache: slabs, lru, lru_crawler, extstore and cache_memlimit. Cairn has no such
// settings and answers as memcached does on success, so that scripts go on. Only the listings of lru_crawler and
// cache_memlimit have an effect.

import { type LineContext, answer, refusal, replyForm } from './line-context.js';
import { readUnsigned } from '../numbers.js';
import type { Answer, Request } from '../request.js';

const OK = { kind: 'result', status: 'ok', cas: 0n, valueBytes: 0 } as const;
const NO_SPARE_PAGES = Buffer.from('NOSPARE source class has no spare pages');
const MEMLIMIT_TOO_SMALL = Buffer.from('MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m');
const MEMLIMIT_NOT_BYTES = Buffer.from('MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes');
const CRAWLER_RUNS = Buffer.from('ERROR failed to start lru crawler thread');
const BAD_CLASS = Buffer.from('BADCLASS invalid class id');
const AUTOMOVE_MODE_MAX = 2;
const SLAB_CLASS_MAX = 63;
const MEMLIMIT_MEGABYTES_MIN = 8;
const MEMLIMIT_MEGABYTES_MAX = 1_000_000_000;
const AUTOMOVE_SETTINGS = new Set(['ratio', 'freeratio', 'window']);
const EXTSTORE_SETTINGS = new Set([
  'item_size',
  'item_age',
  'low_ttl',
  'recache_rate',
  'compact_under',
  'drop_under',
  'max_sleep',
  'max_frag',
  'drop_unread',
  'free_memchunks',
]);

function accepted(context: LineContext): Answer {
  return answer(replyForm(context), OK);
}

/** slabs reassign|automove */
export function readSlabs(context: LineContext): Request {
  const { words } = context;
  const form = replyForm(context);
  const verb = words.text(1);
  if (verb === 'reassign' && words.count >= 4) {
    const numeric = isNumber(context, 2) && isNumber(context, 3);
    return numeric
      ? answer(form, { kind: 'line', line: NO_SPARE_PAGES })
      : refusal(form, 'bad-line');
  }
  if (verb === 'automove' && AUTOMOVE_SETTINGS.has(words.text(2)) && words.count >= 4) {
    return accepted(context);
  }
  if (verb === 'automove' && words.count >= 3) {
    const mode = numberAt(context, 2);
    if (mode <= AUTOMOVE_MODE_MAX) return accepted(context);
    return refusal(form, Number.isNaN(mode) ? 'bad-line' : 'unknown-command');
  }
  return refusal(form, 'unknown-command');
}

/** lru tune|mode|temp_ttl */
export function readLru(context: LineContext): Request {
  const { words } = context;
  const verb = words.text(1);
  const known =
    (verb === 'tune' && words.count >= 4) ||
    (verb === 'mode' && (words.text(2) === 'flat' || words.text(2) === 'segmented')) ||
    (verb === 'temp_ttl' && /^-?\d+$/.test(words.text(2)));
  return known ? accepted(context) : refusal(replyForm(context), 'unknown-command');
}

/** lru_crawler enable|disable|sleep|tocrawl|crawl|metadump|mgdump */
export function readLruCrawler(context: LineContext): Request {
  const { words } = context;
  const form = replyForm(context);
  const verb = words.text(1);
  switch (verb) {
    case 'enable':
      return answer(form, { kind: 'line', line: CRAWLER_RUNS });
    case 'disable':
      return accepted(context);
    case 'sleep':
    case 'tocrawl':
      if (words.count < 3) break;
      return isNumber(context, 2) ? accepted(context) : refusal(form, 'bad-line');
    case 'crawl':
      if (words.count < 3) break;
      return readClasses(words.text(2)) === undefined
        ? answer(form, { kind: 'line', line: BAD_CLASS })
        : accepted(context);
    case 'metadump':
    case 'mgdump':
      if (words.count < 3) break;
      return readDump(context, verb);
    default:
      break;
  }
  return refusal(form, 'unknown-command');
}

function readDump(context: LineContext, listing: 'metadump' | 'mgdump'): Request {
  const form = context.forms.normal;
  const which = context.words.text(2);
  if (which === 'all' || which === 'hash') {
    return { kind: 'dump', form, listing, classes: undefined };
  }
  const classes = readClasses(which);
  if (classes === undefined) return answer(form, { kind: 'line', line: BAD_CLASS });
  return { kind: 'dump', form, listing, classes };
}

/** Reads slab classes that are separated by commas; an empty list stands for `all`, undefined for a bad list. */
function readClasses(list: string): number[] | undefined {
  if (list === 'all') return [];
  const classes = list.split(',').map(Number);
  const plausible = classes.every((id) => Number.isInteger(id) && id > 0 && id <= SLAB_CLASS_MAX);
  return plausible ? classes : undefined;
}

/** extstore <setting> <number> */
export function readExtstore(context: LineContext): Request {
  const { words } = context;
  const known = words.count >= 3 && EXTSTORE_SETTINGS.has(words.text(1)) && isNumber(context, 2);
  return known ? accepted(context) : refusal(replyForm(context), 'unknown-command');
}

/** cache_memlimit <megabytes> [noreply] */
export function readCacheMemlimit(context: LineContext): Request {
  const { words } = context;
  const form = replyForm(context);
  if (words.count < 2) return refusal(form, 'unknown-command');
  const megabytes = numberAt(context, 1);
  if (Number.isNaN(megabytes)) return refusal(form, 'unknown-command');
  if (megabytes < MEMLIMIT_MEGABYTES_MIN) {
    return answer(form, { kind: 'line', line: MEMLIMIT_TOO_SMALL });
  }
  if (megabytes > MEMLIMIT_MEGABYTES_MAX) {
    return answer(form, { kind: 'line', line: MEMLIMIT_NOT_BYTES });
  }
  return { kind: 'cache-memlimit', form, megabytes };
}

function numberAt(context: LineContext, index: number): number {
  const { words } = context;
  return readUnsigned(words.bytes, words.starts[index]!, words.ends[index]!);
}

function isNumber(context: LineContext, index: number): boolean {
  return !Number.isNaN(numberAt(context, index));
}
