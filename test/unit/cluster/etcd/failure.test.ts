// Failures of calls to etcd: the kind decides whether a write may be sent again, so a wrong one does a write twice or loses it.

import { expect } from 'chai';

import { etcdFailure } from '../../../../src/cluster/etcd/failure.js';

const CASES = [
  // The connection ended while the request was under way.
  ['unknown', 8, 'Bandwidth exhausted or memory limit exceeded'],
  ['unknown', 14, 'Connection dropped'],
  ['unknown', 14, 'etcdserver: request timed out'],
  ['unknown', 14, 'etcdserver: leader changed'],
  ['unknown', 1, 'Call cancelled'],
  ['unknown', 13, 'Received RST_STREAM with code 2 (Internal server error)'],
  ['refused', 8, 'grpc: received message larger than max (2097228 vs. 2097152)'],
  ['refused', 3, 'etcdserver: request is too large'],
  ['refused', 7, 'etcdserver: permission denied'],
  ['refused', 11, 'etcdserver: mvcc: required revision has been compacted'],
  ['no-space', 8, 'etcdserver: mvcc: database space exceeded'],
  ['not-executed', 8, 'etcdserver: too many requests'],
  ['not-executed', 14, 'No connection established. Last error: connect ECONNREFUSED'],
  ['login', 16, 'etcdserver: invalid auth token'],
  ['login', 3, 'etcdserver: revision of auth store is old'],
] as const;

describe('etcdFailure()', () => {
  for (const [kind, code, details] of CASES) {
    it(`says ${kind} to "${details}"`, () => {
      expect(etcdFailure({ code, details }, 'host').kind).to.equal(kind);
    });
  }
});
