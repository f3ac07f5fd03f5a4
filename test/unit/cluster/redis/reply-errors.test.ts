import { expect } from 'chai';

import { meaningOf } from '../../../../src/cluster/redis/reply-errors.js';

describe('meaningOf()', () => {
  it('reads the node to which a slot has moved', () => {
    const cases = [
      ['MOVED 3999 127.0.0.1:6381', { kind: 'moved', slot: 3999, host: '127.0.0.1:6381' }],
      ['MOVED 3999 ::1:6381', { kind: 'moved', slot: 3999, host: '::1:6381' }],
      ['MOVED 3999 :6381', { kind: 'moved', slot: 3999, host: '10.0.0.1:6381' }],
      ['ASK 3999 127.0.0.1:6381', { kind: 'asked', host: '127.0.0.1:6381' }],
    ] as const;
    for (const [message, meaning] of cases) {
      expect(meaningOf(message, '10.0.0.1:6379'), message).to.deep.equal(meaning);
    }
  });

  it('recognizes a command that was not executed and may be sent again', () => {
    for (const message of [
      'CLUSTERDOWN The cluster is down',
      'TRYAGAIN Multiple keys request during rehashing of slot',
      'LOADING Redis is loading the dataset in memory',
      "READONLY You can't write against a read only replica.",
      'NOREPLICAS Not enough good replicas to write.',
    ]) {
      expect(meaningOf(message, ''), message).to.include({ kind: 'later', loadsScripts: false });
    }
    expect(meaningOf('NOSCRIPT No matching script.', '')).to.include({ loadsScripts: true });
  });

  it('recognizes that a script may not use a key here', () => {
    for (const message of [
      'ERR Script attempted to access a non local key in a cluster node',
      'ERR Script attempted to execute a command while the cluster is down',
      "ERR The user executing the script can't run this command or subcommand",
    ]) {
      expect(meaningOf(message, ''), message).to.deep.equal({ kind: 'alone' });
    }
  });

  it('tells a full memory from a full disk, and gives unknown for an error that it does not know', () => {
    const statuses = [
      ["OOM command not allowed when used memory > 'maxmemory'.", 'no-memory'],
      ['MISCONF Errors writing to the AOF file: No space left on device', 'no-space'],
      ['WRONGTYPE Operation against a key holding the wrong kind of value', 'damaged'],
      ['NOPERM this user has no permissions to run the set command', 'closed'],
    ] as const;
    for (const [message, status] of statuses) {
      expect(meaningOf(message, ''), message).to.deep.equal({ kind: 'refused', status });
    }
    expect(meaningOf('ERR something else', '')).to.deep.equal({ kind: 'unknown' });
  });
});
