// /metrics: the served names; documents, board and alerts name no others.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { nodeClock } from '../../../src/env/node-env.js';
import { STAT_METRICS } from '../../../src/http/metric-table.js';
import { Metrics } from '../../../src/http/metrics.js';
import { newCounters } from '../../../src/server/counters.js';
import type { Services } from '../../../src/server/session.js';
import { itemsLines, slabsLines } from '../../../src/server/stats/classes.js';
import { PROJECT_DIR } from '../../support/golden-file.js';

const idle = { ...nodeClock, setTimer: () => ({ cancel: () => undefined }) };

interface Described {
  readonly type: string;
  readonly help: string;
}

/** Returns name → type and help text. */
function described(text: string): ReadonlyMap<string, Described> {
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, a, b]) => [a, b]));
  const helps = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)];
  return new Map(
    helps.map(([, name = '', help = '']) => [name, { help, type: types.get(name) ?? '' }]),
  );
}

function unitOf(name: string): string {
  const base = name.replace(/_total$/, '');
  return ['seconds', 'bytes'].find((unit) => base.split('_').includes(unit)) ?? 'count';
}

/** Returns the sample names that a query may use. */
function sampleNames(text: string): ReadonlySet<string> {
  return new Set(text.match(/^[a-z]\w*/gm));
}

function namesIn(queries: string): readonly string[] {
  return [...new Set(queries.match(/\b(?:cairn|memcached)_[a-z_]+/g))];
}

describe('/metrics', () => {
  const page = readFileSync(join(PROJECT_DIR, 'docs/metrics.md'), 'utf8');
  let text: string;
  before(async () => (text = await new Metrics(idle, () => true, true).text(() => [])));

  it('docs/metrics.md has every name with its type, unit and meaning, and no other', () => {
    const rows = [...described(text)].map(
      ([name, { type, help }]) => `${name} ${type} ${unitOf(name)} ${help}`,
    );
    expect(rows.length).to.be.above(80);
    const listed = page
      .split('\n')
      .filter((line) => /^\| `(cairn|memcached)_/.test(line))
      .map((line) => line.replaceAll(/[|`]/g, ' ').trim().replaceAll(/ +/g, ' '));
    expect(listed.toSorted()).to.deep.equal(rows.toSorted());
  });

  it('the board and the alerts use names that are served', () => {
    const served = sampleNames(text);
    for (const file of ['grafana/cairn.json', 'prometheus/alerts.yml']) {
      const names = namesIn(readFileSync(join(PROJECT_DIR, 'packaging', file), 'utf8'));
      expect(names.length, file).to.be.above(5);
      expect(
        names.filter((name) => !served.has(name)),
        file,
      ).to.deep.equal([]);
    }
  });

  it('the board is JSON whose panels do not overlap, and each alert names the next step', () => {
    const board = JSON.parse(
      readFileSync(join(PROJECT_DIR, 'packaging/grafana/cairn.json'), 'utf8'),
    ) as { panels: { gridPos: { x: number; y: number; w: number; h: number } }[] };
    const cells = board.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    expect(new Set(cells).size).to.equal(cells.length);
    const alerts = readFileSync(join(PROJECT_DIR, 'packaging/prometheus/alerts.yml'), 'utf8');
    const count = (mark: string): number => alerts.split(mark).length - 1;
    expect(count('- alert: ')).to.be.above(5);
    for (const mark of ['expr: ', 'severity: ', 'summary: ', 'action: ']) {
      expect(count(mark), mark).to.equal(count('- alert: '));
    }
  });

  it('serves the counters of stats, counts set without cas, and sums up histograms', async () => {
    const metrics = new Metrics(idle, () => false);
    metrics.latencies.observe(0, 0.2);
    metrics.latencies.observe(0, 30);
    metrics.latencies.observe(0, 1e6);
    metrics.measures.committed(2, 5000, 3);
    metrics.measures.diskRead(1);
    const stats: [string, string | number][] = [
      ['cmd_set', 10],
      ['cas_hits', 2],
      ['cas_badval', 1],
      ['kv_recovery_ms', 1500],
      ['rusage_user', '1.250000'],
      ['kv_failed_commits', 4],
      ['version', '1.6.0'],
      ['1:used_chunks', 7],
      ['items:1:hits_to_cold', 5],
    ];
    const lines = (await metrics.text(() => stats)).split('\n');
    const get = 'cairn_request_duration_seconds_bucket{le=';
    expect(lines).to.include.members([
      'memcached_commands_total{command="set",status="hit"} 7',
      'memcached_version{version="1.6.0"} 1',
      'memcached_process_user_cpu_seconds_total 1.25',
      'cairn_recovery_duration_seconds 1.5',
      'cairn_errors_total{kind="commit"} 4',
      'cairn_ready 0',
      'memcached_slab_chunks_used{slab="1"} 7',
      'memcached_slab_lru_hits_total{slab="1",lru="cold"} 5',
      `${get}"0.0001",command="get"} 0`,
      `${get}"0.00025",command="get"} 1`,
      `${get}"0.05",command="get"} 2`,
      `${get}"10",command="get"} 2`,
      `${get}"+Inf",command="get"} 3`,
      'cairn_request_duration_seconds_count{command="get"} 3',
      'cairn_batch_size_bytes_sum 5000',
      'cairn_batch_records_bucket{le="4"} 1',
      'cairn_disk_read_duration_seconds_count 1',
    ]);
  });

  it('has a sample for each node and shard in stats over a cluster, and none of them over a log', async () => {
    const stats: [string, string | number][] = [
      ['kv_cluster_reachable', 1],
      ['kv_etcd_node_10.0.0.1:2379', 'follower'],
      ['kv_etcd_node_10.0.0.2:2379', 'unreachable'],
      ['kv_etcd_read_queued', 5],
      ['kv_etcd_write_p99_us', 25_000],
      ['kv_etcd_failed_calls', 3],
      ['kv_shard_0_state', 'ready'],
      ['kv_shard_12_state', 'short'],
      ['kv_shard_12_queue', 7],
    ];
    const lines = (await new Metrics(idle, () => true, true).text(() => stats)).split('\n');
    expect(lines).to.include.members([
      'cairn_cluster_reachable 1',
      'cairn_cluster_node_up{node="10.0.0.1:2379"} 1',
      'cairn_cluster_node_up{node="10.0.0.2:2379"} 0',
      'cairn_cluster_queued_requests{lane="read"} 5',
      'cairn_cluster_queued_requests{lane="12"} 7',
      'cairn_cluster_batch_p99_seconds{lane="write"} 0.025',
      'cairn_cluster_failed_calls_total 3',
      'cairn_cluster_shard_up{lane="0"} 1',
      'cairn_cluster_shard_up{lane="12"} 0',
    ]);
    expect(await new Metrics(idle, () => true).text(() => stats)).to.not.include('cairn_cluster_');
  });

  it('takes the samples of its one slab class from `stats slabs` and `stats items`', () => {
    const store = { stats: () => new Map([['curr_items', 1]]) };
    const services = { store, counters: newCounters() } as unknown as Services;
    const told = [...slabsLines(services), ...itemsLines(services)].map(([name]) => name);
    const asked = STAT_METRICS.filter(({ name }) => name.startsWith('memcached_slab_'))
      .flatMap(({ samples }) => samples.map(({ stat }) => stat))
      .filter((stat) => stat !== 'set_hits');
    expect(asked.length).to.be.above(30);
    expect(told).to.include.members(asked);
  });

  it('gives requests that come at once the same answer', async () => {
    const metrics = new Metrics({ ...idle, monotonicMs: () => 0 }, () => true);
    let asked = 0;
    const stats = (): [] => {
      asked += 1;
      return [];
    };
    await Promise.all([metrics.text(stats), metrics.text(stats), metrics.text(stats)]);
    expect(asked).to.equal(1);
  });
});
