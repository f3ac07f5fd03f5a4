// Counts the functions that a server enters, from inside it. Preloaded with `--import`, it starts V8's precise
// coverage before the server's modules are loaded. It answers each message with the counts since the last one.
// Invariant: it touches nothing of the server; without a channel to a parent it does nothing.

import { Session, type Profiler } from 'node:inspector';
import { isMainThread } from 'node:worker_threads';

/** A function, and how many times it was entered. */
export interface Entered {
  readonly file: string;
  /** The name and the place of the function, so that two functions of one name stay apart. */
  readonly name: string;
  readonly calls: number;
}

function enteredOf(scripts: readonly Profiler.ScriptCoverage[]): readonly Entered[] {
  return scripts.flatMap(({ url, functions }) =>
    functions.flatMap(({ functionName, ranges }): Entered[] => {
      // The first range is the whole function, the others are blocks in it.
      const [whole] = ranges;
      if (whole === undefined || whole.count === 0) return [];
      const name = `${functionName || 'anonymous'}@${whole.startOffset}`;
      return [{ file: url, name, calls: whole.count }];
    }),
  );
}

function countForParent(send: (entered: readonly Entered[]) => void): void {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  process.on('message', () => {
    session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error !== null) throw error;
      send(enteredOf(taken.result));
    });
  });
}

if (isMainThread && process.send !== undefined) countForParent(process.send.bind(process));
