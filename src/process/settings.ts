// All settings of the process: the command line, the environment, and the file that either of them names.

import { readConfig, type Config, type Exit } from '../config/config.js';
import { configPathOf, usageExit } from '../config/flags.js';
import { parseSettings } from '../config/settings-text.js';
import { optionFileFailure } from '../env/file-failure.js';
import { readAtMost } from '../env/option-file.js';
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
    // One byte more than the longest file of settings.
    bytes = readAtMost(path, MIB + 1);
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
