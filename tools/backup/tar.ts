// `kv-backup --tar`: writes the newest state of a store as one archive, into a file or a pipe.

import type { Env } from '../../src/env/env.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import { streamBackup } from '../../src/offline/backup/backup-store.js';
import { Pace } from '../../src/offline/backup/pace.js';
import { isServed } from '../compact/control-client.js';
import { openOutput } from '../terminal/output-file.js';
import { formatBytes } from '../terminal/quantity.js';
import { TarSink } from './tar-sink.js';

/**
 * `out` is the word of the user; `-` is stdout. A reader that closes the pipe early is a failure, because nobody has
 * the backup then.
 */
export async function backUpToTar(env: Env, dir: string, out: string): Promise<ExitCode> {
  const output = await openOutput(env.fs, out, dir);
  let bytes = 0;
  try {
    const pace = new Pace(env.clock, await isServed(dir));
    const sink = new TarSink(async (chunk) => {
      bytes += chunk.length;
      await output.write(chunk);
    }, pace);
    const manifest = await streamBackup(env, dir, sink, () => isServed(dir));
    await sink.finish(manifest);
    await output.finish();
    const at = new Date(manifest.atMs).toISOString();
    process.stderr.write(`seq ${manifest.seq} of ${at}: ${formatBytes(bytes)} in ${out}\n`);
    return EXIT.ok;
  } catch (error: unknown) {
    await output.abandon();
    throw error;
  }
}
