// The backup that the page asks for (--http-backup): kv-backup in a process of its own, as whoever is at the machine would
// start it. The server does none of its work, and its own commits come first (kv-backup gives way).

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { KvError } from '../../errors.js';

const TOOL = fileURLToPath(new URL('../../../tools/kv-backup.js', import.meta.url));

/** Backs `dataDir` up into `backupDir`; resolves with what kv-backup says of it. Throws KV_IO with what it says else. */
export function runBackup(dataDir: string, backupDir: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [TOOL, dataDir, '--to', backupDir], (error, _stdout, stderr) => {
      const said = stderr.trim().split('\n').at(-1) ?? '';
      if (error === null) resolve(said);
      else reject(new KvError('KV_IO', said === '' ? error.message : said, { cause: error }));
    });
  });
}
