// A tail of nothing but zeros, as a machine leaves it that stopped with much room allocated.

import { truncateSync } from 'node:fs';
import { join } from 'node:path';

import { openStore } from '../../../src/store/open-store.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import { DataDirectory } from '../../support/data-directory.js';
import { contentsOf, copyOf, realEnv, recordStore } from '../../support/damaged-store.js';
import { temporaryFolder } from '../../support/servers.js';
import type { Budget, FaultRow, Tried } from '../row.js';
import { removeFolder } from '../../support/remove-folder.js';

const MIB = 1024 * 1024;

export const zeroTail: FaultRow = {
  name: 'zero-tail',
  fault: 'The active segment ends in many zeros, after an orderly stop and behind a torn batch',
  required: 'The start goes on without them, with every record, and soon',
  injection: 'the active segment made longer by a hole',
  try: tryZeros,
};

async function tryZeros({ tier, seed }: Budget): Promise<Tried> {
  const zeroBytes = (tier === 'fast' ? 256 : 2048) * MIB;
  const root = temporaryFolder();
  const failures: string[] = [];
  const seconds: number[] = [];
  try {
    const dir = join(root, 'data');
    const { contents } = await recordStore(dir, new SeededRandom(seed), 200);
    for (const isTorn of [false, true]) {
      const data = copyOf(dir, join(root, 'zeros'));
      lengthen(data, zeroBytes, isTorn);
      const startedMs = performance.now();
      const store = await openStore(realEnv, data.path, { snapshot: 'never' });
      seconds.push((performance.now() - startedMs) / 1000);
      const tornBytes = Number(store.stats().get('kv_recovery_torn_bytes'));
      await store.close();
      if (tornBytes > 0 !== isTorn) failures.push(`seed ${seed}: ${tornBytes} bytes called torn`);
      const found = await contentsOf(data.path);
      for (const [key, content] of contents) {
        if (found.get(key) !== content) failures.push(`seed ${seed}: ${key} is not as it was`);
      }
    }
  } finally {
    removeFolder(root);
  }
  const perGb = seconds.map((each) => ((each * 1024 * MIB) / zeroBytes).toFixed(2));
  const figure = `${perGb[0]} s per GiB of zeros after an orderly stop, ${perGb[1]} s behind a torn batch`;
  return { tried: seconds.length, failures, figure };
}

/** Lengthens the file by zeros, after a batch that was begun and never finished when `isTorn`. */
function lengthen(data: DataDirectory, zeroBytes: number, isTorn: boolean): void {
  const active = data.names('.seg').findLast((name) => data.batchesOf(name).length > 0)!;
  const bytes = data.read(active);
  const last = data.batchesOf(active).at(-1)!;
  const end = last + bytes.readUInt32LE(last + 8);
  if (isTorn) {
    const torn = Buffer.concat([bytes.subarray(0, end), bytes.subarray(last, last + 20)]);
    data.write(active, torn);
  }
  truncateSync(data.pathOf(active), end + zeroBytes);
}
