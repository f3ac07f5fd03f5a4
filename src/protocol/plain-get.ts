// The request of get, gets, gat, gats and of the binary gets: nothing of what mg can ask for besides.

import type { ReplyForm } from './reply-form.js';
import type { GetRequest } from './request.js';

/** A get that only reads, or touches as well: everything but mg. */
export function plainGet(
  form: ReplyForm,
  keys: readonly Buffer[],
  last: boolean,
  touchExptime: number | undefined,
): GetRequest {
  return {
    kind: 'get',
    form,
    keys,
    last,
    touchExptime,
    wantsValue: true,
    unused: false,
    vivifyExptime: undefined,
    recacheSeconds: undefined,
    knownCas: undefined,
    chosenCas: undefined,
  };
}
