// The guard against HTTP: detects browsers and port scanners, whose connections are closed without a byte. No part of a
// request for a web page may be run as a command. The rule is memcached's, plus the usual methods with a path.

import type { Words } from './words.js';

const VERSION_PREFIX = Buffer.from('HTTP/');
const METHODS = new Set(['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH']);
const SLASH = 0x2f;

/** True when an unknown command is a request line of HTTP. */
export function looksLikeHttp(words: Words): boolean {
  if (words.lastStartsWith(VERSION_PREFIX)) return true;
  return words.count > 1 && words.bytes[words.starts[1]!] === SLASH && METHODS.has(words.text(0));
}
