// `-u`: gives up root for good, before the data directory is touched. Without root there is nothing to
// give up, as with memcached.

import { spawnSync } from 'node:child_process';

import { KvError } from '../errors.js';

export function dropTo(user: string): void {
  if (process.getuid?.() !== 0) return;
  const asked = spawnSync('id', ['-g', user], { encoding: 'utf8' });
  const group = Number(asked.stdout);
  if (asked.status !== 0 || !Number.isInteger(group)) {
    throw new KvError('KV_BAD_OPTION', `There is no user '${user}' to run as (-u)`);
  }
  (process as NodeJS.Process & { initgroups(user: string, group: number): void }).initgroups(
    user,
    group,
  );
  process.setgid?.(group);
  process.setuid?.(user);
}
