// The trace: the log lines of -v and -vv about clients, as memcached's users know them: `<28 set k 0 0 5`, `>28 STORED`.
// -v logs connections and replies that are errors; -vv also logs every request and every reply. Keys are escaped.
// Values, numbers that are values, and passwords are never logged.
//
// Invariants:
// - Callers check `level` before any work for a line, because most servers run without -v.
// - A reply is logged when it is made. It leaves, or becomes an error, after the commit on which it depends.

import type { Logger } from '../env/env.js';
import { printable, printableKey } from '../printable.js';
import { compose } from '../protocol/composer.js';
import { Output } from '../protocol/output.js';
import type { Parsed } from '../protocol/parser.js';
import type { BinaryForm, MetaForm, ReplyForm } from '../protocol/reply-form.js';
import type { HitReply, Reply } from '../protocol/reply.js';
import type { GetRequest, PutRequest, Request } from '../protocol/request.js';

/** The verbosity from which requests are logged, and from which connections are. */
const REQUESTS_LEVEL = 2;
const CONNECTIONS_LEVEL = 1;
const BINARY_STATUS_AT = 6;

export class Trace {
  /** The verbosity. A plain field, because it is read for every request. */
  level: number;
  readonly #logger: Logger;

  constructor(level: number, logger: Logger) {
    this.level = level;
    this.#logger = logger;
  }

  opened(id: number, address: string | undefined): void {
    if (this.level < CONNECTIONS_LEVEL) return;
    this.#logger.info(`<${id} new client connection from ${address ?? 'a unix socket'}`);
  }

  closed(id: number, isBroken: boolean): void {
    if (this.level < CONNECTIONS_LEVEL) return;
    this.#logger.info(`<${id} connection closed${isBroken ? ' by an error' : ''}`);
  }

  /** Logs a request. Call it only if `level` is above 0. */
  request(id: number, parsed: Parsed): void {
    if (this.level < REQUESTS_LEVEL) return;
    const line = requestLine(parsed);
    if (line !== undefined) this.#logger.debug(`<${id} ${line}`);
  }

  /** Logs a reply. Call it only if `level` is above 0. */
  reply(id: number, form: ReplyForm, reply: Reply): void {
    const isError = reply.kind === 'error';
    if (this.level < REQUESTS_LEVEL && !isError) return;
    for (const line of replyLines(form, reply)) {
      if (isError) this.#logger.info(`>${id} ${line}`);
      else this.#logger.debug(`>${id} ${line}`);
    }
  }
}

/** Returns the line of a request; undefined for a part of a request that was logged already. */
function requestLine(parsed: Parsed): string | undefined {
  switch (parsed.kind) {
    case 'need-more':
    case 'close':
    case 'value-piece':
    case 'value-end':
      return undefined;
    case 'answer':
      return 'a line that is answered without being run';
    default:
      return commandLine(parsed);
  }
}

function commandLine(request: Exclude<Request, { readonly kind: 'answer' }>): string | undefined {
  const { form } = request;
  if (request.kind === 'get' && request.keyEnd === request.keyStart) return undefined;
  if (form.wire === 'meta') return metaLine(form, request);
  const key = 'key' in request ? ` ${keyOf(request)}` : '';
  if (form.wire === 'binary') return `${binaryName(form)}${key}`;
  const words = `${nameOf(request)}${form.withCas ? 's' : ''}`;
  return `${words}${key}${restOf(request)}${form.quiet ? ' noreply' : ''}`;
}

function metaLine(form: MetaForm, request: Request): string {
  const bytes =
    request.kind === 'put' || request.kind === 'oversized-put' ? ` ${request.valueBytes}` : '';
  const tokens = form.tokens.toString('latin1').trimEnd();
  const key = form.key.length === 0 ? '' : ` ${wordOf(form.key)}`;
  return `${form.command}${key}${bytes}${tokens === '' ? '' : ` ${printable(tokens)}`}`;
}

function binaryName({ opcode }: BinaryForm): string {
  return `binary 0x${opcode.toString(16).padStart(2, '0')}`;
}

/** Returns the command's name in the text protocol; the form adds the s of gets and gats. */
function nameOf(request: Request): string {
  switch (request.kind) {
    case 'get':
      return request.touchExptime === undefined ? 'get' : `gat`;
    case 'put':
      return request.compareCas === undefined ? request.mode : 'cas';
    case 'oversized-put':
      return 'set';
    case 'arithmetic':
      return request.direction;
    case 'flush':
      return 'flush_all';
    case 'delete-prefix':
      return 'delete_prefix';
    case 'cache-memlimit':
      return 'cache_memlimit';
    case 'refresh-certs':
      return 'refresh_certs';
    case 'dump':
      return `lru_crawler ${request.listing}`;
    default:
      return request.kind;
  }
}

/** Returns the words behind name and key. */
function restOf(request: Request): string {
  switch (request.kind) {
    case 'put':
      return putWords(request);
    case 'oversized-put':
      return ` ${request.valueBytes} bytes, too many`;
    case 'get':
      return exptimeOf(request);
    case 'touch':
    case 'flush':
      return ` ${request.exptime}`;
    case 'arithmetic':
      return ` ${request.delta}`;
    case 'stats':
      return request.words.map((word) => ` ${printable(word)}`).join('');
    case 'watch':
      return request.streams.map((stream) => ` ${printable(stream)}`).join('');
    case 'keys':
    case 'delete-prefix':
      return ` ${wordOf(request.prefix)}`;
    case 'verbosity':
      return ` ${request.level}`;
    case 'cache-memlimit':
      return ` ${request.megabytes}`;
    default:
      return '';
  }
}

function putWords({ flags, exptime, valueBytes, compareCas }: PutRequest): string {
  const token = compareCas === undefined ? '' : ` ${compareCas}`;
  return ` ${flags} ${exptime} ${valueBytes}${token}`;
}

/** Returns the exptime, to stand behind the key, because each key of a get is logged by itself. */
function exptimeOf({ touchExptime }: GetRequest): string {
  return touchExptime === undefined ? '' : ` (exptime ${touchExptime})`;
}

function keyOf(request: {
  readonly key: Buffer;
  readonly keyStart?: number;
  readonly keyEnd?: number;
}): string {
  return wordOf(request.key.subarray(request.keyStart ?? 0, request.keyEnd));
}

/** Escapes a key, which may hold any byte, even a space that would make two words of it. */
function wordOf(key: Buffer): string {
  return printableKey(key).replaceAll(' ', String.raw`\x20`);
}

/** Returns the lines of the reply without the value; no lines for a reply that its form hides. */
function replyLines(form: ReplyForm, reply: Reply): string[] {
  if (reply.kind === 'number' && (form.wire === 'text' || form.wire === 'plain')) {
    return form.quiet ? [] : ['the number'];
  }
  const output = new Output();
  compose(output, form, reply.kind === 'hit' ? withoutValue(reply) : reply);
  const bytes = output.take();
  if (bytes.length === 0) return [];
  if (form.wire === 'binary') {
    return [
      `${binaryName(form)} status 0x${bytes.toString('hex', BINARY_STATUS_AT, BINARY_STATUS_AT + 2)}`,
    ];
  }
  const lines = bytes.toString('latin1').trimEnd().split('\r\n');
  const shown = reply.kind === 'number' || reply.kind === 'hit' ? lines.slice(0, 1) : lines;
  return shown.map(printable);
}

function withoutValue({
  kind,
  key,
  keyStart = 0,
  keyEnd = key.length,
  meta,
  item,
}: HitReply): HitReply {
  const { flags, cas, valueBytes } = item;
  const place = { source: undefined, words: undefined, start: 0, isLasting: false };
  return { kind, key, keyStart, keyEnd, meta, item: { flags, cas, valueBytes, ...place } };
}
