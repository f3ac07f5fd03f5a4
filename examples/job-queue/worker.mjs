// A worker: claims a job, does it, stores the result, for ever. SIGTERM ends it after the job that it has. It may be
// killed at any moment, and so may the store.
// Environment: CAIRN (host:port of the store), CLAIM_MS (how long a job may take), WORK (module with a function `work`).

import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Queue } from './queue.mjs';

const { CAIRN = '127.0.0.1:11211', CLAIM_MS = '30000' } = process.env;
const IDLE_MS = 250;
const { work } = await import(
  pathToFileURL(resolve(process.env.WORK ?? `${import.meta.dirname}/work.mjs`)).href
);
const queue = new Queue({ server: CAIRN, claimMs: Number(CLAIM_MS) });
const ending = new AbortController();
process.on('SIGTERM', () => ending.abort());

/** Waits, but not when the process is to end. */
async function idle() {
  await delay(IDLE_MS, undefined, { signal: ending.signal }).catch(() => undefined);
}

/** Undefined when there is no job, or the store is away. */
async function claimed() {
  try {
    return await queue.claim();
  } catch (error) {
    console.error(`No job could be claimed: ${error.message}`);
    return undefined;
  }
}

/** Stores a result, again and again while the claim lasts: a store that comes back in time spares the job. */
async function finish(job, result) {
  while (Date.now() < job.until) {
    try {
      return await queue.finish(job, result);
    } catch (error) {
      console.error(`The result of job ${job.ticket} could not be stored: ${error.message}`);
      await delay(IDLE_MS);
    }
  }
  return false;
}

async function workOn(job) {
  try {
    const signal = AbortSignal.timeout(Math.max(0, job.until - Date.now()));
    const result = await work(job.body, { ticket: job.ticket, signal });
    if (await finish(job, result)) console.log(`Job ${job.ticket} is done`);
    else console.error(`The claim on job ${job.ticket} was over before its result was stored`);
  } catch (error) {
    // The job stays claimed: another attempt follows when the claim is over.
    console.error(`Job ${job.ticket} failed in attempt ${job.attempts}: ${error.message}`);
  }
}

console.log('ready');
while (!ending.signal.aborted) {
  const job = await claimed();
  if (job === undefined) await idle();
  else await workOn(job);
}
queue.close();
