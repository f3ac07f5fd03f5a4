// Bare clients of etcd by gRPC: one call per request, or transactions of many requests, two of them in flight. They
// know neither items nor expiry nor failures, so their figures are the most that the engine gives to a Node client.

import * as grpc from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import {
  DESCRIPTOR,
  type RangeResponse,
  type RequestOp,
  type TxnResponse,
} from '../../src/cluster/etcd/messages.js';
import { Gathering, type Asked } from './gathering.js';
import type { EngineClient } from './spec.js';

const OPERATIONS_MAX = 100;
const LANES = 2;

type Method = grpc.MethodDefinition<object, object>;

class EtcdCalls {
  readonly #client: grpc.Client;
  readonly #methods: Readonly<Record<string, Method>>;
  readonly #metadata = new grpc.Metadata();

  constructor(host: string) {
    this.#client = new grpc.Client(host, grpc.credentials.createInsecure());
    const loaded = fromJSON(DESCRIPTOR, {
      keepCase: true,
      longs: Number,
      defaults: true,
      oneofs: false,
    });
    this.#methods = loaded['etcdserverpb.KV'] as unknown as Record<string, Method>;
  }

  call<T>(name: 'Txn' | 'Range', request: object): Promise<T> {
    const { path, requestSerialize, responseDeserialize } = this.#methods[name]!;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata,
        (error, response) => (error === null ? resolve(response as T) : reject(error)),
      );
    });
  }
}

function operationOf({ key, value }: Asked): RequestOp {
  return value === undefined ? { request_range: { key } } : { request_put: { key, value } };
}

/** The first call that fails is given to `fail`. */
export function etcdBatches(host: string, fail: (error: unknown) => void): EngineClient {
  const calls = new EtcdCalls(host);
  const send = async (batch: readonly Asked[]): Promise<void> => {
    const request = { compare: [], success: batch.map(operationOf), failure: [] };
    const { responses } = await calls.call<TxnResponse>('Txn', request);
    for (const [at, asked] of batch.entries()) {
      const isFound = (responses[at]?.response_range?.kvs.length ?? 0) > 0;
      asked.settle(asked.value !== undefined || isFound);
    }
  };
  const gathering = new Gathering(LANES, OPERATIONS_MAX, send, fail);
  return { ask: (asked) => gathering.add(asked) };
}

/** A put is sent as a transaction of one operation, for which etcd does the same work. */
export function etcdSingles(host: string, fail: (error: unknown) => void): EngineClient {
  const calls = new EtcdCalls(host);
  const ask = async (asked: Asked): Promise<void> => {
    const { key, value } = asked;
    if (value === undefined) {
      const { kvs } = await calls.call<RangeResponse>('Range', { key });
      asked.settle(kvs.length > 0);
    } else {
      await calls.call('Txn', { compare: [], success: [operationOf(asked)], failure: [] });
      asked.settle(true);
    }
  };
  return { ask: (asked) => void ask(asked).catch(fail) };
}
