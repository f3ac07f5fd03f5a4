// Rollout: decides for which users a flag is on. A flag of 25 % is on for users whose bucket is below 25.

import { createHash } from 'node:crypto';

/** 0 to 99. A user is in different buckets for different flags, so that not all trials have the same people. */
export function bucketOf(name, user) {
  return createHash('sha256').update(`${name}\0${user}`).digest().readUInt32BE() % 100;
}
