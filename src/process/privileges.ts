// `-u`: gives up root for good, before the data directory is opened. A missing data directory is made first and given to
// the user, who may not be allowed to make it. Without root there is nothing to give up, as with memcached.

import { spawnSync } from 'node:child_process';

import { makeDir } from '../env/adopt.js';
import { KvError } from '../errors.js';

export async function dropTo(user: string, dataDir: string | undefined): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const [uid, group] = [idOf('-u', user), idOf('-g', user)];
  if (dataDir !== undefined) await makeDir(dataDir, { uid, gid: group });
  // By number, because the user may be given by number too. Node takes a number in text for a name.
  (process as NodeJS.Process & { initgroups(user: number, group: number): void }).initgroups(
    uid,
    group,
  );
  process.setgid?.(group);
  process.setuid?.(uid);
}

function idOf(flag: '-u' | '-g', user: string): number {
  const { status, stdout } = spawnSync('id', [flag, user], { encoding: 'utf8' });
  if (status === 0 && /^\d+\n$/.test(stdout)) return Number(stdout);
  throw new KvError('KV_BAD_OPTION', `There is no user '${user}' to run as (-u)`);
}
