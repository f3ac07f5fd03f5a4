// Makes requests by patching a key's digits into ready-made bytes: the generator must be cheaper than the servers
// that it measures.
// Invariant: keys are 20 bytes, a prefix of four (`key:`) and 16 digits, so all requests of one kind have one length.

import type { Protocol } from './spec.js';

/** The prefix of keys, unless a load has another. */
export const KEY_PREFIX = 'key:';
const KEY_DIGITS = 16;
export const KEY_BYTES = KEY_PREFIX.length + KEY_DIGITS;

/** The `prefix` has four bytes. */
export function keyName(number: number, prefix = KEY_PREFIX): string {
  return prefix + String(number).padStart(KEY_DIGITS, '0');
}

/** The ready-made bytes of one kind of request, and the place of its key's digits. */
export interface Template {
  readonly bytes: Buffer;
  /** Undefined when the key is not plain in it (etcd's base64); `make` is used then. */
  readonly digitsAt: number | undefined;
  readonly make?: (key: number) => Buffer;
}

function template(text: string, key: string, value: Buffer = Buffer.alloc(0), end = ''): Template {
  const bytes = Buffer.concat([Buffer.from(text), value, Buffer.from(end)]);
  return { bytes, digitsAt: text.lastIndexOf(key) + KEY_BYTES - KEY_DIGITS };
}

/** Values consist of letters, so that none looks like a line end or a number. */
export function valueOf(valueBytes: number): Buffer {
  return Buffer.alloc(valueBytes, 'abcdefghijklmnopqrstuvwxyz');
}

function etcdTemplate(path: string, fields: (key: number) => Record<string, string>): Template {
  const make = (key: number): Buffer => {
    const body = JSON.stringify(fields(key));
    return Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  };
  return { bytes: make(0), digitsAt: undefined, make };
}

/** The two kinds of request. */
export interface Templates {
  readonly read: Template;
  readonly write: Template;
}

function memcachedTemplates(valueBytes: number, prefix: string): Templates {
  const key = keyName(0, prefix);
  return {
    read: template(`get ${key}\r\n`, key),
    write: template(`set ${key} 0 0 ${valueBytes}\r\n`, key, valueOf(valueBytes), '\r\n'),
  };
}

function redisTemplates(valueBytes: number, prefix: string): Templates {
  const key = keyName(0, prefix);
  const word = `$${KEY_BYTES}\r\n${key}\r\n`;
  const head = `*3\r\n$3\r\nSET\r\n${word}$${valueBytes}\r\n`;
  return {
    read: template(`*2\r\n$3\r\nGET\r\n${word}`, key),
    write: template(head, key, valueOf(valueBytes), '\r\n'),
  };
}

function base64Key(number: number): string {
  return Buffer.from(keyName(number)).toString('base64');
}

function etcdTemplates(valueBytes: number): Templates {
  const value = valueOf(valueBytes).toString('base64');
  return {
    read: etcdTemplate('/v3/kv/range', (number) => ({ key: base64Key(number) })),
    write: etcdTemplate('/v3/kv/put', (number) => ({ key: base64Key(number), value })),
  };
}

const TEMPLATES: Readonly<Record<Protocol, (valueBytes: number, prefix: string) => Templates>> = {
  memcached: memcachedTemplates,
  redis: redisTemplates,
  etcd: etcdTemplates,
};

/** Returns the requests of a protocol with values of `valueBytes`. */
export function templatesOf(
  protocol: Protocol,
  valueBytes: number,
  prefix = KEY_PREFIX,
): Templates {
  return TEMPLATES[protocol](valueBytes, prefix);
}

function patchDigits(target: Buffer, at: number, number: number): void {
  let rest = number;
  for (let i = at + KEY_DIGITS - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    target[i] = 48 + (rest - next * 10);
    rest = next;
  }
}

/** The batch of requests of one connection, composed again and again in the same memory. */
export class BatchComposer {
  readonly #read: Template;
  readonly #write: Template;
  readonly #buffer: Buffer;
  /** The templates in the buffer and their places: a template that is already at its place is only patched. */
  readonly #laid: { kind: Template | undefined; at: number }[] = [];
  #end = 0;
  #count = 0;

  constructor(templates: Templates, pipeline: number) {
    this.#read = templates.read;
    this.#write = templates.write;
    const longest = Math.max(templates.read.bytes.length, templates.write.bytes.length);
    // Base64 and decimal lengths are fixed, so no request is longer than the template.
    this.#buffer = Buffer.allocUnsafeSlow(longest * pipeline);
  }

  clear(): void {
    this.#end = 0;
    this.#count = 0;
  }

  add(key: number, isRead: boolean): void {
    const kind = isRead ? this.#read : this.#write;
    const at = this.#end;
    const laid = (this.#laid[this.#count++] ??= { kind: undefined, at: -1 });
    if (kind.digitsAt === undefined) {
      this.#end += kind.make!(key).copy(this.#buffer, at);
      return;
    }
    if (laid.kind !== kind || laid.at !== at) {
      kind.bytes.copy(this.#buffer, at);
      laid.kind = kind;
      laid.at = at;
      // It may have overwritten the templates behind it.
      this.#laid.length = this.#count;
    }
    patchDigits(this.#buffer, at + kind.digitsAt, key);
    this.#end = at + kind.bytes.length;
  }

  /** Returns a view of the batch, valid until the next `add`. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#end);
  }
}
