// The readers of text commands without a data block: each turns a line into a request. parser.ts reads get itself,
// because its keys may be longer than a line. The table at the end is the list of commands.

import { SEQ_MAX } from '../../limits.js';
import { type LineContext, lineRequests, refusal, replyForm, saysNoreply } from './line-context.js';
import { readExptime, readUint64, readUnsigned } from '../numbers.js';
import type { Request } from '../request.js';
import { readCacheMemlimit, readExtstore, readLru, readLruCrawler, readSlabs } from './admin.js';

/** Number of keys in one answer to `keys`: the default and the maximum. */
const LISTED_KEYS_DEFAULT = 1000;
const LISTED_KEYS_MAX = 100_000;

/** All connections share one object per kind, because a request is over before the next one is read. */
const REQUESTS = lineRequests();

type LineReader = (context: LineContext) => Request;

/** True when the line has a key and the key is short enough. */
function hasKey(context: LineContext): boolean {
  const bytes = context.words.lengthOf(1);
  return bytes > 0 && bytes <= context.options.keyBytesMax;
}

/**
 * delete <key> [0] [noreply]. memcached 1.6.45 ignores further words. 1.6.18 refuses them, as libmemcached's test of
 * servers expects.
 */
function readDelete(context: LineContext): Request {
  const { words } = context;
  // `delete noreply` deletes the key of that name, and answers.
  const form = words.count > 2 ? replyForm(context) : context.forms.normal;
  if (words.count > 4) return refusal(form, 'unknown-command');
  if (words.count < 2) return refusal(form, 'bad-line');
  const holdIsZero = words.text(2) === '0';
  const wellFormed =
    words.count === 2 ||
    (words.count === 3 && (holdIsZero || form.quiet)) ||
    (words.count === 4 && holdIsZero && form.quiet);
  if (!wellFormed) return refusal(form, 'bad-line-usage-delete');
  if (!hasKey(context)) return refusal(form, 'bad-line');
  const request = REQUESTS.delete;
  request.form = form;
  request.setKey(words.bytes, words.starts[1], words.ends[1]);
  return request;
}

function readArithmetic(context: LineContext, direction: 'incr' | 'decr'): Request {
  const { words } = context;
  const form = replyForm(context);
  if (words.count < 3 || !hasKey(context)) return refusal(form, 'bad-line');
  const delta = readUint64(words.bytes, words.starts[2]!, words.ends[2]!);
  if (delta === undefined) return refusal(form, 'bad-delta');
  const request = REQUESTS.arithmetic;
  request.form = form;
  request.setKey(words.bytes, words.starts[1], words.ends[1]);
  request.direction = direction;
  request.delta = delta;
  return request;
}

function readTouch(context: LineContext): Request {
  const { words } = context;
  const form = replyForm(context);
  if (words.count < 3 || !hasKey(context)) return refusal(form, 'bad-line');
  const exptime = readExptime(words.bytes, words.starts[2]!, words.ends[2]!);
  if (Number.isNaN(exptime)) return refusal(form, 'bad-exptime');
  const request = REQUESTS.touch;
  request.form = form;
  request.setKey(words.bytes, words.starts[1], words.ends[1]);
  request.exptime = exptime;
  return request;
}

/** flush_all [exptime] [noreply] */
function readFlush(context: LineContext): Request {
  const { words } = context;
  const form = replyForm(context);
  const bare = words.count === 1 || (words.count === 2 && form.quiet);
  const exptime = bare ? 0 : readExptime(words.bytes, words.starts[1]!, words.ends[1]!);
  if (Number.isNaN(exptime)) return refusal(form, 'bad-exptime');
  return { kind: 'flush', form, exptime };
}

/** verbosity <level> [noreply] */
function readVerbosity(context: LineContext): Request {
  const { words } = context;
  const form = replyForm(context);
  if (words.count < 2 || words.count > 3) return refusal(form, 'bad-line');
  const level = readUnsigned(words.bytes, words.starts[1]!, words.ends[1]!);
  if (Number.isNaN(level)) return refusal(form, 'bad-line');
  return { kind: 'verbosity', form, level };
}

function readStats(context: LineContext): Request {
  return { kind: 'stats', form: context.forms.normal, words: context.words.texts(1) };
}

function readShutdown(context: LineContext): Request {
  const { words, forms } = context;
  const mode = words.text(1);
  const graceful = mode === 'graceful' && words.count === 2;
  return { kind: 'shutdown', form: forms.normal, graceful, isKnown: words.count < 2 || graceful };
}

function readWatch(context: LineContext): Request {
  const streams = context.words.count > 1 ? context.words.texts(1) : ['fetchers'];
  return { kind: 'watch', form: context.forms.normal, streams };
}

/** keys <prefix> [limit] [cursor]; `*` alone stands for every key. */
function readKeys(context: LineContext): Request {
  const { words, forms } = context;
  if (!hasKey(context) || words.count > 4) return refusal(forms.normal, 'bad-line');
  const limit = words.count > 2 ? numberAt(context, 2) : LISTED_KEYS_DEFAULT;
  const cursor = words.count > 3 ? numberAt(context, 3) : 0;
  if (!(limit >= 1 && limit <= LISTED_KEYS_MAX && cursor <= SEQ_MAX)) {
    return refusal(forms.normal, 'bad-line');
  }
  const prefix = words.text(1) === '*' ? NO_PREFIX : words.view(1);
  return { kind: 'keys', form: forms.normal, prefix, limit, cursor };
}

/** delete_prefix <prefix> [noreply]; an empty prefix is refused, because flush_all exists for that. */
function readDeletePrefix(context: LineContext): Request {
  const { words } = context;
  const form = replyForm(context);
  const count = saysNoreply(words) && words.count > 2 ? words.count - 1 : words.count;
  if (!hasKey(context) || count !== 2) return refusal(form, 'bad-line');
  return { kind: 'delete-prefix', form, prefix: words.view(1) };
}

function numberAt(context: LineContext, index: number): number {
  const { words } = context;
  return readUnsigned(words.bytes, words.starts[index]!, words.ends[index]!);
}

const NO_PREFIX = Buffer.alloc(0);

/** Every text command of one line. */
export const LINE_READERS: ReadonlyMap<string, LineReader> = new Map<string, LineReader>([
  ['delete', readDelete],
  ['incr', (context) => readArithmetic(context, 'incr')],
  ['decr', (context) => readArithmetic(context, 'decr')],
  ['touch', readTouch],
  ['flush_all', readFlush],
  ['verbosity', readVerbosity],
  ['version', (context) => ({ kind: 'version', form: context.forms.normal })],
  ['quit', (context) => ({ kind: 'quit', form: context.forms.normal })],
  ['stats', readStats],
  ['shutdown', readShutdown],
  ['watch', readWatch],
  ['refresh_certs', (context) => ({ kind: 'refresh-certs', form: context.forms.normal })],
  ['slabs', readSlabs],
  ['lru', readLru],
  ['lru_crawler', readLruCrawler],
  ['extstore', readExtstore],
  ['cache_memlimit', readCacheMemlimit],
  ['keys', readKeys],
  ['delete_prefix', readDeletePrefix],
]);

/** The longest name in the table. */
export const COMMAND_BYTES_MAX = 16;
