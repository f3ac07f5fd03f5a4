// Messages of etcd's gRPC interface that Cairn uses, in the form of proto-loader (fromJSON) and as TypeScript types. Fields and
// numbers are those of rpc.proto and kv.proto of etcd 3.4. Enums are declared as int32, which has the same bytes: a wrong name of
// an enum would silently become its default.
//
// Invariants:
// - The field numbers are those of etcd. 64-bit integers are read as numbers: revisions stay below 2^53.
// - In an answer, a field with its default (0, false, no bytes) is missing; a repeated field is always present.

export interface KeyValue {
  readonly key: Buffer;
  readonly value?: Buffer;
  /** Never 0. */
  readonly mod_revision: number;
}

export interface RangeRequest {
  readonly key: Buffer;
  /** The end of the range: this key does not belong to it. */
  readonly range_end?: Buffer;
  readonly limit?: number;
  /** The revision to read; 0: the newest. */
  readonly revision?: number;
  readonly keys_only?: boolean;
  readonly count_only?: boolean;
  readonly max_mod_revision?: number;
}

interface ResponseHeader {
  readonly revision: number;
}

export interface RangeResponse {
  readonly header?: ResponseHeader;
  readonly kvs: readonly KeyValue[];
  readonly more?: true;
  readonly count?: number;
}

export const RESULT = { equal: 0, less: 2 } as const;
export const TARGET = { modRevision: 2 } as const;

export interface Compare {
  readonly result: number;
  readonly target: number;
  readonly key: Buffer;
  readonly range_end?: Buffer;
  readonly mod_revision?: number;
}

export interface RequestOp {
  readonly request_range?: RangeRequest;
  readonly request_put?: { readonly key: Buffer; readonly value: Buffer };
  readonly request_delete_range?: { readonly key: Buffer; readonly prev_kv?: boolean };
  readonly request_txn?: TxnRequest;
}

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface ResponseOp {
  readonly response_range?: RangeResponse;
  readonly response_delete_range?: { readonly prev_kvs: readonly KeyValue[] };
  readonly response_txn?: TxnResponse;
}

export interface TxnResponse {
  readonly header?: ResponseHeader;
  readonly succeeded?: true;
  readonly responses: readonly ResponseOp[];
}

export interface StatusResponse {
  readonly header: ResponseHeader & { readonly member_id: number };
  readonly version: string;
  readonly dbSize: number;
  readonly dbSizeInUse?: number;
  /** Versions before etcd 3.6 do not send it. */
  readonly dbSizeQuota?: number;
  /** The leader's id; undefined: there is no leader. */
  readonly leader?: number;
  readonly raftTerm: number;
  readonly raftIndex: number;
  readonly errors: readonly string[];
}

type Field = readonly [type: string, id: number, rule?: 'repeated'];

function message(
  fields: Readonly<Record<string, Field>>,
  oneofs: Readonly<Record<string, readonly string[]>> = {},
): object {
  return {
    fields: Object.fromEntries(
      Object.entries(fields).map(([name, [type, id, rule]]) => [
        name,
        rule === undefined ? { type, id } : { type, id, rule },
      ]),
    ),
    oneofs: Object.fromEntries(Object.entries(oneofs).map(([name, oneof]) => [name, { oneof }])),
  };
}

function service(methods: readonly (readonly [name: string, types: string])[]): object {
  return {
    methods: Object.fromEntries(
      methods.map(([name, type]) => [
        name,
        { requestType: `${type}Request`, responseType: `${type}Response` },
      ]),
    ),
  };
}

const KEY_VALUE = 'mvccpb.KeyValue';
const HEADER: Field = ['ResponseHeader', 1];

const RANGES = {
  RangeRequest: message({
    key: ['bytes', 1],
    range_end: ['bytes', 2],
    limit: ['int64', 3],
    revision: ['int64', 4],
    keys_only: ['bool', 8],
    count_only: ['bool', 9],
    max_mod_revision: ['int64', 11],
  }),
  RangeResponse: message({
    header: HEADER,
    kvs: [KEY_VALUE, 2, 'repeated'],
    more: ['bool', 3],
    count: ['int64', 4],
  }),
  PutRequest: message({ key: ['bytes', 1], value: ['bytes', 2] }),
  PutResponse: message({ header: HEADER }),
  DeleteRangeRequest: message({ key: ['bytes', 1], range_end: ['bytes', 2], prev_kv: ['bool', 3] }),
  DeleteRangeResponse: message({
    header: HEADER,
    deleted: ['int64', 2],
    prev_kvs: [KEY_VALUE, 3, 'repeated'],
  }),
};

const TRANSACTIONS = {
  RequestOp: message(
    {
      request_range: ['RangeRequest', 1],
      request_put: ['PutRequest', 2],
      request_delete_range: ['DeleteRangeRequest', 3],
      request_txn: ['TxnRequest', 4],
    },
    { request: ['request_range', 'request_put', 'request_delete_range', 'request_txn'] },
  ),
  ResponseOp: message(
    {
      response_range: ['RangeResponse', 1],
      response_put: ['PutResponse', 2],
      response_delete_range: ['DeleteRangeResponse', 3],
      response_txn: ['TxnResponse', 4],
    },
    { response: ['response_range', 'response_put', 'response_delete_range', 'response_txn'] },
  ),
  Compare: message(
    {
      result: ['int32', 1],
      target: ['int32', 2],
      key: ['bytes', 3],
      mod_revision: ['int64', 6],
      value: ['bytes', 7],
      range_end: ['bytes', 64],
    },
    { target_union: ['mod_revision', 'value'] },
  ),
  TxnRequest: message({
    compare: ['Compare', 1, 'repeated'],
    success: ['RequestOp', 2, 'repeated'],
    failure: ['RequestOp', 3, 'repeated'],
  }),
  TxnResponse: message({
    header: HEADER,
    succeeded: ['bool', 2],
    responses: ['ResponseOp', 3, 'repeated'],
  }),
};

const UPKEEP = {
  CompactionRequest: message({ revision: ['int64', 1] }),
  CompactionResponse: message({ header: HEADER }),
  StatusRequest: message({}),
  StatusResponse: message({
    header: HEADER,
    version: ['string', 2],
    dbSize: ['int64', 3],
    leader: ['uint64', 4],
    raftIndex: ['uint64', 5],
    raftTerm: ['uint64', 6],
    errors: ['string', 8, 'repeated'],
    dbSizeInUse: ['int64', 9],
    dbSizeQuota: ['int64', 12],
  }),
  AuthenticateRequest: message({ name: ['string', 1], password: ['string', 2] }),
  AuthenticateResponse: message({ header: HEADER, token: ['string', 2] }),
};

/** For proto-loader's fromJSON. */
export const DESCRIPTOR = {
  nested: {
    mvccpb: {
      nested: {
        KeyValue: message({ key: ['bytes', 1], mod_revision: ['int64', 3], value: ['bytes', 5] }),
      },
    },
    etcdserverpb: {
      nested: {
        ResponseHeader: message({ member_id: ['uint64', 2], revision: ['int64', 3] }),
        ...RANGES,
        ...TRANSACTIONS,
        ...UPKEEP,
        KV: service([
          ['Txn', 'Txn'],
          ['Range', 'Range'],
          ['Compact', 'Compaction'],
        ]),
        Maintenance: service([['Status', 'Status']]),
        Auth: service([['Authenticate', 'Authenticate']]),
      },
    },
  },
};
