// The context of the functions that read one command line, and the small answers that they share.

import type { ErrorName, Reply } from '../reply.js';
import type { ReplyForm, TextForm } from '../reply-form.js';
import { errorReply } from '../reply.js';
import type { ParserOptions } from '../parser.js';
import {
  type Answer,
  ArithmeticRequest,
  DeleteRequest,
  GetRequest,
  TouchRequest,
} from '../request.js';
import type { Words } from './words.js';

/** The reply forms of the text commands of one listener. They are made once, and requests share them. */
export interface TextForms {
  readonly normal: TextForm;
  readonly quiet: TextForm;
  readonly withCas: TextForm;
}

export interface LineContext {
  readonly options: ParserOptions;
  readonly forms: TextForms;
  readonly words: Words;
}

/** The request objects of a reader, filled again for every request of their kind. */
interface LineRequests {
  readonly get: GetRequest;
  readonly delete: DeleteRequest;
  readonly arithmetic: ArithmeticRequest;
  readonly touch: TouchRequest;
}

const NOREPLY = Buffer.from('noreply');

/** Makes the forms of a listener that answers as `wire`. */
export function textForms(wire: 'text' | 'plain'): TextForms {
  return {
    normal: { wire, quiet: false, withCas: false },
    quiet: { wire, quiet: true, withCas: false },
    withCas: { wire, quiet: false, withCas: true },
  };
}

/** Makes the objects of one reader. Readers share none, because each would have to clear the fields of the others. */
export function lineRequests(): LineRequests {
  return {
    get: new GetRequest(),
    delete: new DeleteRequest(),
    arithmetic: new ArithmeticRequest(),
    touch: new TouchRequest(),
  };
}

/** True when the line ends in `noreply` (and has a word before it, besides the command). */
export function saysNoreply(words: Words): boolean {
  return words.count > 1 && words.lastIs(NOREPLY);
}

/** Returns the form of a command that knows `noreply`, which hides every outcome, errors included. */
export function replyForm(context: LineContext): TextForm {
  return saysNoreply(context.words) ? context.forms.quiet : context.forms.normal;
}

/** Makes an answer of a reply that the parser gives itself. */
export function answer(form: ReplyForm, reply: Reply): Answer {
  return { kind: 'answer', form, reply, close: false };
}

/** Makes the answer to a mistake of the client. */
export function refusal(form: ReplyForm, error: ErrorName): Answer {
  return { kind: 'answer', form, reply: errorReply(error), close: false };
}
