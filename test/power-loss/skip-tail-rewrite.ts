// A server that does not write its tail anew after an unclean stop, to prove that the test of finding a
// stale page cache sees what that is for. Given to node with --import; changes the module as it is loaded.

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
