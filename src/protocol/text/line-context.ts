// What the functions that read one command line are given, and the two small answers they share.

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

/** The reply forms of the text commands of one listener, made once: requests share them. */
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

/** Filled again for every request of their kind. */
interface LineRequests {
  readonly get: GetRequest;
  readonly delete: DeleteRequest;
  readonly arithmetic: ArithmeticRequest;
  readonly touch: TouchRequest;
}

const NOREPLY = Buffer.from('noreply');

/** The forms of a listener that answers as `wire`. */
export function textForms(wire: 'text' | 'plain'): TextForms {
  return {
    normal: { wire, quiet: false, withCas: false },
    quiet: { wire, quiet: true, withCas: false },
    withCas: { wire, quiet: false, withCas: true },
  };
}

/** Each reader has its own: what one leaves in them another would have to take out. */
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

/** The form of a command that knows `noreply`: silent for every outcome, errors included. */
export function replyForm(context: LineContext): TextForm {
  return saysNoreply(context.words) ? context.forms.quiet : context.forms.normal;
}

/** A reply that the parser has itself. */
export function answer(form: ReplyForm, reply: Reply): Answer {
  return { kind: 'answer', form, reply, close: false };
}

/** A mistake of the client. */
export function refusal(form: ReplyForm, error: ErrorName): Answer {
  return { kind: 'answer', form, reply: errorReply(error), close: false };
}
