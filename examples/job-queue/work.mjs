// The work of a job: greets the person that its body names. Resolves to the result, which is stored with the job.
// A job may be done more than once, so a second time must do no harm. `ticket` is the same then, and can be the key of
// an effect. When `signal` is aborted, the claim is over and another worker may have begun.

import { setTimeout as delay } from 'node:timers/promises';

export async function work(body, { ticket, signal }) {
  await delay(1000, undefined, { signal });
  console.log(`Job ${ticket}: hello ${body}`);
  return `greeted ${body}`;
}
