// Replies of the meta commands: a code, then the flags that the client wants back, in the order of its own words,
// then the marks W, X and Z.
//
// Flag q hides a miss of mg and the success of the other commands. It never hides an error, nor NS, EX and NF.

import { assert } from '../../assert.js';
import { formOfError } from '../errors.js';
import type { Output } from '../output.js';
import type { MetaForm } from '../reply-form.js';
import type { DebugReply, HitReply, NumberReply, Reply, ResultReply } from '../reply.js';

const SPACE = 0x20;
const CRLF = Buffer.from('\r\n');
const HD = Buffer.from('HD');
const VA = Buffer.from('VA ');
const EN = Buffer.from('EN');
const NF = Buffer.from('NF');
const NS = Buffer.from('NS');
const EX = Buffer.from('EX');
const MN = Buffer.from('MN\r\n');
const BASE64_MARK = Buffer.from(' b');
const WON = Buffer.from(' W');
const STALE = Buffer.from(' X');
const WIN_SENT = Buffer.from(' Z');

// Letters of the flags that come back.
const LETTER_CAS = 0x63;
const LETTER_FLAGS = 0x66;
const LETTER_HIT = 0x68;
const LETTER_KEY = 0x6b;
const LETTER_IDLE = 0x6c;
const LETTER_OPAQUE = 0x4f;
const LETTER_SIZE = 0x73;
const LETTER_TTL = 0x74;
const LETTER_NEW_TTL = 0x54;
const LETTER_FIRST_TTL = 0x4e;

const CODES: Readonly<Record<ResultReply['status'], Buffer>> = {
  stored: HD,
  deleted: HD,
  touched: HD,
  ok: HD,
  'not-stored': NS,
  exists: EX,
  'not-found': NF,
};

/** Appends `reply`, or nothing when flag q hides it. */
export function composeMeta(output: Output, form: MetaForm, reply: Reply): void {
  switch (reply.kind) {
    case 'hit':
      writeHit(output, form, reply);
      break;
    case 'miss':
      if (form.quiet) break;
      output.writeBytes(EN);
      if (form.command !== 'me') writeNames(output, form);
      output.writeBytes(CRLF);
      break;
    case 'result':
      writeResult(output, form, reply);
      break;
    case 'number':
      writeNumber(output, form, reply);
      break;
    case 'error':
      output.writeBytes(formOfError(reply.error).line);
      break;
    case 'debug':
      writeDebug(output, form, reply);
      break;
    case 'noop':
      output.writeBytes(MN);
      break;
    case 'value-end':
      output.writeBytes(CRLF);
      break;
    default:
      // An `end` has no bytes here; nothing else answers a meta command.
      assert(reply.kind === 'end', `No meta command is answered with ${reply.kind}`);
  }
}

function writeHit(output: Output, form: MetaForm, hit: HitReply): void {
  const { meta, item } = hit;
  const { source, words, start, valueBytes } = item;
  assert(meta !== undefined, 'A hit of mg carries its meta fields');
  const withValue = form.withValue && !meta.known;
  writeSuccess(output, withValue, valueBytes);
  const { tokens } = form;
  let touched = false;
  for (let at = 0; at < tokens.length; at = nextToken(tokens, at)) {
    const letter = tokens[at]!;
    switch (letter) {
      case LETTER_CAS:
        writeLetter(output, letter);
        output.writeBigInt(item.cas);
        break;
      case LETTER_FLAGS:
        writeLetter(output, letter);
        output.writeNumber(item.flags);
        break;
      case LETTER_HIT:
        writeLetter(output, letter);
        output.writeNumber(meta.fetched ? 1 : 0);
        break;
      case LETTER_IDLE:
        writeLetter(output, letter);
        output.writeNumber(meta.idleSeconds);
        break;
      case LETTER_SIZE:
        writeLetter(output, letter);
        output.writeNumber(valueBytes);
        break;
      case LETTER_TTL:
        writeLetter(output, letter);
        output.writeNumber(touched ? meta.ttlSeconds : meta.ttlSecondsBefore);
        break;
      case LETTER_NEW_TTL:
        touched = true;
        break;
      case LETTER_FIRST_TTL:
        touched ||= meta.created;
        break;
      default:
        writeName(output, form, at);
    }
  }
  if (meta.winSent) output.writeBytes(WIN_SENT);
  if (meta.stale) output.writeBytes(STALE);
  if (meta.won) output.writeBytes(WON);
  output.writeBytes(CRLF);
  if (!withValue || source === undefined) return;
  output.writeValue(source, words, start, start + valueBytes, item.isLasting);
  output.writeBytes(CRLF);
}

function writeResult(output: Output, form: MetaForm, result: ResultReply): void {
  const code = CODES[result.status];
  if (form.quiet && code === HD) return;
  output.writeBytes(code);
  const { tokens } = form;
  for (let at = 0; at < tokens.length; at = nextToken(tokens, at)) {
    const letter = tokens[at]!;
    if (form.command === 'ms' && letter === LETTER_CAS) {
      writeLetter(output, letter);
      // The token of the item that stays is not told: a client may use only the token of a value that it stored.
      output.writeBigInt(code === HD ? result.cas : 0n);
    } else if (form.command === 'ms' && letter === LETTER_SIZE) {
      writeLetter(output, letter);
      output.writeNumber(result.valueBytes);
    } else {
      writeName(output, form, at);
    }
  }
  output.writeBytes(CRLF);
}

function writeNumber(output: Output, form: MetaForm, reply: NumberReply): void {
  if (form.quiet) return;
  const digits = reply.number.toString();
  writeSuccess(output, form.withValue, digits.length);
  const { tokens } = form;
  let touched = false;
  for (let at = 0; at < tokens.length; at = nextToken(tokens, at)) {
    const letter = tokens[at]!;
    if (letter === LETTER_CAS) {
      writeLetter(output, letter);
      output.writeBigInt(reply.cas);
    } else if (letter === LETTER_TTL) {
      writeLetter(output, letter);
      output.writeNumber(touched ? reply.ttlSeconds : reply.ttlSecondsBefore);
    } else if (letter === LETTER_NEW_TTL) {
      touched = true;
    } else if (letter === LETTER_FIRST_TTL) {
      touched ||= reply.created === true;
    } else {
      writeName(output, form, at);
    }
  }
  output.writeBytes(CRLF);
  if (!form.withValue) return;
  output.writeText(digits);
  output.writeBytes(CRLF);
}

function writeSuccess(output: Output, withValue: boolean, valueBytes: number): void {
  output.writeBytes(withValue ? VA : HD);
  if (withValue) output.writeNumber(valueBytes);
}

function writeDebug(output: Output, form: MetaForm, reply: DebugReply): void {
  output.writeText('ME ');
  output.writeBytes(form.key);
  const fetched = reply.fetched ? 'yes' : 'no';
  output.writeText(
    ` exp=${reply.ttlSeconds} la=${reply.idleSeconds} cas=${reply.cas}` +
      ` fetch=${fetched} cls=1 size=${reply.itemBytes}\r\n`,
  );
}

/** Writes key and opaque, which come back with every outcome. */
function writeNames(output: Output, form: MetaForm): void {
  const { tokens } = form;
  for (let at = 0; at < tokens.length; at = nextToken(tokens, at)) writeName(output, form, at);
}

function writeName(output: Output, form: MetaForm, at: number): void {
  const { tokens } = form;
  if (tokens[at] === LETTER_KEY) {
    writeLetter(output, LETTER_KEY);
    output.writeBytes(form.key);
    if (form.base64) output.writeBytes(BASE64_MARK);
  } else if (tokens[at] === LETTER_OPAQUE) {
    output.writeByte(SPACE);
    let end = at;
    while (end < tokens.length && tokens[end] !== SPACE) output.writeByte(tokens[end++]!);
  }
}

function writeLetter(output: Output, letter: number): void {
  output.writeByte(SPACE);
  output.writeByte(letter);
}

/** Returns the start of the word after the one at `at`. */
function nextToken(tokens: Buffer, at: number): number {
  let next = at;
  while (next < tokens.length && tokens[next] !== SPACE) next++;
  while (next < tokens.length && tokens[next] === SPACE) next++;
  return next;
}
