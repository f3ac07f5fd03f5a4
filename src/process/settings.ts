// All settings of the process: the command line, the environment, and the file that either of them names.

import fs from 'node:fs';

import { readConfig, type Config, type Exit } from '../config/config.js';
import { configPathOf, usageExit } from '../config/flags.js';
import { parseSettings } from '../config/settings-text.js';
import { optionFileFailure } from '../env/file-failure.js';
import { systemReason } from '../errors.js';
import { exitCodeOf } from '../exit-codes.js';
import { MIB } from '../limits.js';

/** Reads the settings. Never prints and never exits; reads the file of `--config` and changes nothing. */
export async function readSettings(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  version: string,
): Promise<Config | Exit> {
  const path = configPathOf(argv, env);
  if (path === undefined) return readConfig(argv, env, version);
  let bytes: Buffer;
  try {
    bytes = bounded(path);
  } catch (error) {
    const refused = usageExit(
      `${path}: the file of --config cannot be read: ${systemReason(error)}`,
    );
    return { ...refused, code: exitCodeOf(optionFileFailure('--config', path, error)) };
  }
  if (bytes.length > MIB)
    return usageExit(
      `${path}: this is larger than 1 MiB, the most that a file of settings may have`,
    );
  const file = await parseSettings(path, bytes);
  return 'fault' in file ? usageExit(file.fault) : readConfig(argv, env, version, file);
}

/** Reads at most one byte more than the longest file of settings, because a device may be endless. */
function bounded(path: string): Buffer {
  const descriptor = fs.openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(MIB + 1);
    let length = 0;
    while (length < bytes.length) {
      const got = fs.readSync(descriptor, bytes, length, bytes.length - length, null);
      if (got === 0) break;
      length += got;
    }
    return bytes.subarray(0, length);
  } finally {
    fs.closeSync(descriptor);
  }
}
