// Batcher: the batches over the network, with a clock that moves only when the test moves it.

import { expect } from 'chai';

import { Batcher, type BatchLimits, type Job } from '../../../src/cluster/batcher.js';
import { StoppedClock } from '../../support/stopped-clock.js';

class Named implements Job {
  readonly name: string;
  readonly bytes: number;
  readonly deadlineMs: number;
  isExpired = false;

  constructor(name: string, bytes = 1, deadlineMs = 1000) {
    this.name = name;
    this.bytes = bytes;
    this.deadlineMs = deadlineMs;
  }

  expire(): void {
    this.isExpired = true;
  }
}

const LIMITS: BatchLimits = {
  jobsMax: 3,
  bytesMax: 10,
  lanes: 1,
  queuedJobsMax: 100,
  queuedBytesMax: 1000,
};

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Returns a batcher whose batches the test ends, and the list of what it has sent. */
function setUp(limits: Partial<BatchLimits> = {}) {
  const clock = new StoppedClock();
  const sent: string[] = [];
  const ends: (() => void)[] = [];
  const batcher = new Batcher<Named>(clock, { ...LIMITS, ...limits }, (jobs, lane) => {
    sent.push(`${lane}:${jobs.map(({ name }) => name).join('')}`);
    return new Promise((resolve) => ends.push(resolve));
  });
  const add = (names: string): boolean[] =>
    Array.from(names, (name) => batcher.add(new Named(name)));
  const end = async (): Promise<void> => {
    ends.shift()!();
    await turn();
  };
  return { clock, sent, batcher, turn, add, end };
}

describe('Batcher', () => {
  it('add() gathers the jobs of one turn, and the jobs that come while a batch is out', async () => {
    const { sent, add, turn, end, batcher } = setUp();
    add('ab');
    expect(sent).to.deep.equal([]);
    await turn();
    add('cdef');
    await turn();
    expect(sent).to.deep.equal(['0:ab']);
    await end();
    await end();
    expect(sent).to.deep.equal(['0:ab', '0:cde', '0:f']);
    expect(batcher).to.include({ batches: 3, jobs: 6, queued: 0 });
    expect(batcher.latency.count).to.equal(2);
  });

  it('add() uses every lane, and each lane has at most one batch out', async () => {
    const { sent, add, turn, end } = setUp({ lanes: 2 });
    add('a');
    await turn();
    add('b');
    await turn();
    add('c');
    await turn();
    expect(sent).to.deep.equal(['0:a', '1:b']);
    await end();
    expect(sent).to.deep.equal(['0:a', '1:b', '0:c']);
  });

  it('add() opens another lane only for at least laneJobsMin jobs', async () => {
    const { sent, add, turn, end } = setUp({ lanes: 2, laneJobsMin: 3 });
    add('a');
    await turn();
    add('bc');
    await turn();
    expect(sent).to.deep.equal(['0:a']);
    add('d');
    await turn();
    expect(sent).to.deep.equal(['0:a', '1:bcd']);
    add('e');
    await end();
    expect(sent).to.deep.equal(['0:a', '1:bcd']);
    await end();
    expect(sent).to.deep.equal(['0:a', '1:bcd', '0:e']);
  });

  it('a lane that came back waits for as many jobs as it has answered, or for gatherMs', async () => {
    const { clock, sent, add, turn, end } = setUp({ gatherMs: 1 });
    add('ab');
    await turn();
    await end();
    add('c');
    await turn();
    expect(sent).to.deep.equal(['0:ab']);
    add('d');
    await turn();
    expect(sent).to.deep.equal(['0:ab', '0:cd']);
    await end();
    add('e');
    await turn();
    expect(sent).to.deep.equal(['0:ab', '0:cd']);
    clock.pass(1);
    expect(sent).to.deep.equal(['0:ab', '0:cd', '0:e']);
    // The last batch had one job, so a single job does not wait.
    await end();
    add('f');
    await turn();
    expect(sent).to.deep.equal(['0:ab', '0:cd', '0:e', '0:f']);
  });

  it('add() cuts batches by bytes, and sends a larger job alone', async () => {
    const { sent, turn, end, batcher } = setUp();
    for (const [name, bytes] of [
      ['a', 6],
      ['b', 5],
      ['c', 50],
      ['d', 1],
    ] as const) {
      batcher.add(new Named(name, bytes));
    }
    await turn();
    for (let count = 0; count < 3; count += 1) await end();
    expect(sent).to.deep.equal(['0:a', '0:b', '0:c', '0:d']);
  });

  it('add() takes no more jobs and no more bytes than the queue holds', async () => {
    const { add, turn, end, batcher } = setUp({ queuedJobsMax: 2, queuedBytesMax: 5 });
    expect(add('abc')).to.deep.equal([true, true, false]);
    await turn();
    expect(batcher.add(new Named('d', 4))).to.equal(true);
    expect(batcher.add(new Named('e', 2))).to.equal(false);
    await end();
    // An empty queue takes a job of any size.
    expect(batcher.add(new Named('f', 50))).to.equal(true);
  });

  it('a job that waits beyond its deadline expires, and no batch contains it', async () => {
    const { clock, sent, turn, end, batcher } = setUp();
    const [first, late, next] = [new Named('a'), new Named('b', 1, 500), new Named('c', 1, 2000)];
    batcher.add(first);
    await turn();
    batcher.add(late);
    batcher.add(next);
    clock.pass(499);
    expect(late.isExpired).to.equal(false);
    clock.pass(1);
    expect(late.isExpired).to.equal(true);
    await end();
    expect(sent).to.deep.equal(['0:a', '0:c']);
    expect([first.isExpired, next.isExpired]).to.deep.equal([false, false]);
  });

  it('close() expires waiting jobs, takes no more jobs and waits for the batches that are out', async () => {
    const { turn, end, batcher } = setUp();
    const [out, waiting] = [new Named('a'), new Named('b')];
    batcher.add(out);
    await turn();
    batcher.add(waiting);
    let isClosed = false;
    const closing = batcher.close().then(() => (isClosed = true));
    await turn();
    expect([out.isExpired, waiting.isExpired, isClosed]).to.deep.equal([false, true, false]);
    expect(batcher.add(new Named('c'))).to.equal(false);
    await end();
    await closing;
    expect(isClosed).to.equal(true);
  });
});
