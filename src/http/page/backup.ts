// The backup that the page asks for (--http-backup): runs kv-backup in a process of its own, as a user of the machine
// would. The server does none of the work, and its own commits come first, because kv-backup runs at a low priority.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { KvError } from '../../errors.js';

const TOOL = fileURLToPath(new URL('../../../tools/kv-backup.js', import.meta.url));

/**
 * Backs `dataDir` up into `backupDir` and resolves with the last words of kv-backup. Throws KV_IO with those words
 * when it fails.
 */
export function runBackup(dataDir: string, backupDir: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [TOOL, dataDir, '--to', backupDir], (error, _stdout, stderr) => {
      const said = stderr.trim().split('\n').at(-1) ?? '';
      if (error === null) resolve(said);
      else reject(new KvError('KV_IO', said === '' ? error.message : said, { cause: error }));
    });
  });
}
