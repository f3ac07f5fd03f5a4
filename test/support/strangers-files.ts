// Files that another program may have put into a data directory: files, directories, pipes, sockets and links. Many have
// names that Cairn gives, and none holds what Cairn puts there.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const TEXTS = [
  'report.tmp',
  'MANIFEST.tmp',
  'IMAGE',
  'IMAGE.tmp',
  'snapshot.json',
  'snapshot.json.tmp',
  'control.sock',
  '000000000000001.val',
  '000000000000001.val.tmp',
  '0000000001-0000.hint',
  '0000000009-0003.hint',
  '0000000007-0000.seg.tmp',
  'LOCK.cairn-1.tmp',
  'notes.txt',
];
const DIRECTORIES = ['x.tmp', 'lost+found', 'snapshot.json.cairn-1.tmp', 'MANIFEST.cairn-1.tmp'];
const PIPE = 'pipe.tmp';
const SOCKET = 'socket.tmp';
const LINK = 'IMAGE.cairn-1.tmp';
/** The name of the file in each of the directories. */
const INNER = '0000000001-0000.seg.cairn-1.tmp';
/** A socket stays in the file system when a signal ends the process that listened. */
const LISTENING = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;

export const STRANGERS_FILES = TEXTS.length + 2 * DIRECTORIES.length + 3;

const textOf = (name: string): string => `${name} of somebody else`;

export function litter(dir: string): void {
  mkdirSync(dir, { recursive: true });
  for (const name of TEXTS) writeFileSync(join(dir, name), textOf(name));
  for (const name of DIRECTORIES) {
    mkdirSync(join(dir, name));
    writeFileSync(join(dir, name, INNER), textOf(name));
  }
  execFileSync('mkfifo', [join(dir, PIPE)]);
  spawnSync(process.execPath, ['-e', LISTENING, join(dir, SOCKET)]);
  symlinkSync('notes.txt', join(dir, LINK));
}

const NAMES = [...TEXTS, ...DIRECTORIES, PIPE, SOCKET, LINK];

/** Returns the names of the files that are no longer as litter() made them. */
export function changedFiles(dir: string): string[] {
  const intact = strangersIn(dir);
  return NAMES.filter((name) => !intact.includes(name));
}

/** Returns the names of the files in a directory that are as litter() makes them. */
export function strangersIn(dir: string): string[] {
  const isSame = (name: string): boolean => {
    const path = join(dir, name);
    if (name === PIPE) return lstatSync(path).isFIFO();
    if (name === SOCKET) return lstatSync(path).isSocket();
    if (name === LINK) return readlinkSync(path) === 'notes.txt';
    if (TEXTS.includes(name)) return readFileSync(path, 'utf8') === textOf(name);
    const inner = readFileSync(join(path, INNER), 'utf8');
    return readdirSync(path).length === 1 && inner === textOf(name);
  };
  return NAMES.filter((name) => {
    try {
      return isSame(name);
    } catch {
      return false;
    }
  });
}
