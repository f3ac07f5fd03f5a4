// Meta commands (in the making: each is refused).

import { type LineContext, refusal } from './line-context.js';
import type { Request } from './request.js';
import type { StorageLine } from './storage-line.js';

export function readMetaLine(context: LineContext, _lineEnd: number): Request {
  if (context.words.text(0) === 'mn') return { kind: 'noop', form: context.forms.normal };
  return refusal(context.forms.normal, 'unknown-command');
}

export function readMetaStorage(line: StorageLine, context: LineContext, _lineEnd: number): void {
  line.reset(context.forms.normal, 'set');
  line.error = 'unknown-command';
}
