// The composer of all protocols: the one place where the Reply model becomes wire bytes, in the form that the request
// asked for. A quiet form hides the replies that its protocol says it hides.

import { composeBinary } from './binary/composer.js';
import { composeMeta } from './meta/composer.js';
import type { Output } from './output.js';
import type { ReplyForm } from './reply-form.js';
import type { Reply } from './reply.js';
import { composeText } from './text/composer.js';

/** Appends `reply` to `output` in the given form; appends nothing when that form hides it. */
export function compose(output: Output, form: ReplyForm, reply: Reply): void {
  switch (form.wire) {
    case 'text':
    case 'plain':
      composeText(output, form, reply);
      break;
    case 'meta':
      composeMeta(output, form, reply);
      break;
    case 'binary':
      composeBinary(output, form, reply);
      break;
  }
}
