// A server that does not write its tail again after an unclean stop. It proves that the test which finds a stale page cache
// sees what the rewrite is for. It is given to node with --import, and changes the module as it is loaded.

import { register, type LoadHook } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const CONDITION = 'if (tail.clean) {';
const BROKEN = 'if (tail.clean || tail.tornBytes === 0) {';

if (isMainThread) register(import.meta.url);

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (!url.endsWith('/src/log/recovery.js')) return loaded;
  const source = Buffer.from(loaded.source as Uint8Array).toString();
  if (!source.includes(CONDITION)) throw new Error(`${url}: no longer says ${CONDITION}`);
  return { ...loaded, source: source.replace(CONDITION, BROKEN) };
};
