// watchCluster(): what an operator finds in the log when a cluster fails and comes back.

import { expect } from 'chai';

import { watchCluster } from '../../../src/process/cluster-watch.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { StoppedClock } from '../../support/stopped-clock.js';

/** Counters of two shards in these states. */
function shards(first: string, second: string): Record<string, number | string> {
  return {
    kv_cluster_reachable: 1,
    kv_shard_0_master: 'a:1',
    kv_shard_0_state: first,
    kv_shard_1_master: 'b:1',
    kv_shard_1_state: second,
  };
}

describe('watchCluster()', () => {
  let stats = new Map<string, number | string>();
  let clock = new StoppedClock();
  let logger = new QuietLogger();

  /** Returns what the log says after the counters have changed to `now`. */
  function heard(now: Readonly<Record<string, number | string>>): readonly string[] {
    stats = new Map(Object.entries(now));
    const before = logger.lines.length;
    // The second look finds nothing new.
    for (let looks = 0; looks < 2; looks += 1) clock.pass(2000);
    return logger.lines.slice(before).map(({ level, message }) => `${level} ${message}`);
  }

  beforeEach(() => {
    stats = new Map();
    clock = new StoppedClock();
    logger = new QuietLogger();
    watchCluster({ stats: () => stats }, { clock, logger }, 'etcd at a');
  });

  it('names a cluster once when it is out of reach or full, and when it serves again', () => {
    expect(heard({ kv_cluster_reachable: 1, kv_disk_full: 0 })).to.deep.equal([]);
    expect(heard({ kv_cluster_reachable: 0, kv_disk_full: 0 })).to.deep.equal([
      'warn etcd at a cannot be reached: requests are refused',
    ]);
    expect(heard({ kv_cluster_reachable: 1, kv_disk_full: 1 })).to.deep.equal([
      'warn etcd at a has no room left: writes are refused',
    ]);
    expect(heard({ kv_cluster_reachable: 1, kv_disk_full: 0 })).to.deep.equal([
      'warn etcd at a serves again',
    ]);
  });

  it('names a shard that has no master or too few replicas', () => {
    expect(heard(shards('ready', 'short'))).to.deep.equal([
      'warn the shard of b:1 has too few replicas: its writes and strict reads are refused',
    ]);
    expect(heard(shards('down', 'ready'))).to.deep.equal([
      'warn the shard of a:1 has no master: its requests are refused',
      'warn the shard of b:1 serves again',
    ]);
    expect(heard(shards('ready', 'ready'))).to.deep.equal(['warn the shard of a:1 serves again']);
  });
});
