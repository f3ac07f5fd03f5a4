// Client of etcd: calls by gRPC, with one connection to each host, of which one is in use. When that host fails, the next one
// is used at once. The packages are loaded when a store is opened, because no other part needs them.
//
// Invariants:
// - A call is sent once. Its caller decides by EtcdFailure.kind whether it may be sent again.
// - A call ends by its time limit, whatever the network does.
// - No message contains a password.

import type { ChannelCredentials, Client, Metadata, MethodDefinition } from '@grpc/grpc-js';

import type { Env } from '../../env/env.js';
import { KvError, systemCode } from '../../errors.js';
import { EtcdFailure, etcdFailure, onlyEtcd } from './failure.js';
import { DESCRIPTOR, type RangeRequest, type RangeResponse } from './messages.js';
import type { StatusResponse, TxnRequest, TxnResponse } from './messages.js';

export interface EtcdOptions {
  /** host:port of each known node; one that answers is enough. */
  readonly hosts: readonly string[];
  /** Text before every key, by default `cairn/`. Nothing is put between it and the rest. */
  readonly prefix: string;
  /** The certificates in PEM. Undefined: no TLS. */
  readonly tls?: EtcdTls | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

interface EtcdTls {
  /** Certificates of the authorities that signed the nodes' ones; by default those that Node knows. */
  readonly ca?: Buffer | undefined;
  /** This server's own certificate, where etcd wants one from its clients. */
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

const CHANNEL_OPTIONS = {
  // The store bounds a batch, and etcd bounds an answer.
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // A host that comes back is used again soon.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // etcd cuts clients that ping more often than every 5 s.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3000,
  // A write is sent once.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
};

type Method = MethodDefinition<object, object>;

interface Library {
  readonly grpc: typeof import('@grpc/grpc-js');
  readonly methods: ReadonlyMap<string, Method>;
}

interface Host {
  readonly name: string;
  readonly client: Client;
}

/** The calls of EtcdClient that the store uses; tests replace them by calls that are lost or delayed. */
export type EtcdCalls = Pick<
  EtcdClient,
  'txn' | 'range' | 'compact' | 'status' | 'pause' | 'close'
> &
  Readonly<Pick<EtcdClient, 'hosts' | 'used' | 'failures' | 'turns'>>;

export class EtcdClient {
  readonly #env: Env;
  readonly #options: EtcdOptions;
  readonly #library: Library;
  readonly #hosts: readonly Host[];
  #used = 0;
  #metadata: Metadata;
  #login: Promise<void> | undefined;
  /** Number of calls that failed for any cause. */
  failures = 0;
  /** Number of times that the client turned to another host. */
  turns = 0;

  private constructor(env: Env, options: EtcdOptions, library: Library) {
    this.#env = env;
    this.#options = options;
    this.#library = library;
    const { grpc } = library;
    const credentials = credentialsOf(grpc, options.tls);
    this.#hosts = options.hosts.map((name) => ({
      name,
      client: new grpc.Client(name, credentials, CHANNEL_OPTIONS),
    }));
    this.#metadata = new grpc.Metadata();
  }

  /** Makes a client that has no connection yet. Throws KvError KV_BAD_OPTION when the packages are missing. */
  static async load(env: Env, options: EtcdOptions): Promise<EtcdClient> {
    return new EtcdClient(env, options, await loadLibrary());
  }

  get hosts(): readonly string[] {
    return this.#hosts.map(({ name }) => name);
  }

  /** The host to which calls go. */
  get used(): string {
    return this.#hosts[this.#used]!.name;
  }

  /** Executes a transaction. Throws EtcdFailure. */
  txn(request: TxnRequest, timeLimitMs: number): Promise<TxnResponse> {
    return this.#call<TxnResponse>('KV/Txn', request, timeLimitMs);
  }

  /** Reads a range. Throws EtcdFailure. */
  range(request: RangeRequest, timeLimitMs: number): Promise<RangeResponse> {
    return this.#call<RangeResponse>('KV/Range', request, timeLimitMs);
  }

  /** Has etcd forget the states before `revision`. Throws EtcdFailure. */
  async compact(revision: number, timeLimitMs: number): Promise<void> {
    await this.#call('KV/Compact', { revision }, timeLimitMs);
  }

  /** Asks the host with this number for its state. Throws EtcdFailure. */
  status(at: number, timeLimitMs: number): Promise<StatusResponse> {
    const host = this.#hosts[at]!;
    return this.#send<StatusResponse>(host, 'Maintenance/Status', {}, timeLimitMs);
  }

  /** Resolves after `delayMs`. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#env.clock.setTimer(delayMs, resolve));
  }

  close(): void {
    for (const { client } of this.#hosts) client.close();
  }

  async #call<T>(method: string, request: object, timeLimitMs: number): Promise<T> {
    const at = this.#used;
    try {
      if (this.#options.user !== undefined && this.#login === undefined) this.#renewLogin(at);
      await this.#login;
      return await this.#send<T>(this.#hosts[at]!, method, request, timeLimitMs);
    } catch (error) {
      this.failures += 1;
      const failure = onlyEtcd(error);
      if (failure.kind === 'login') {
        if (this.#options.user === undefined) throw withoutLogin(failure);
        this.#login = undefined;
      } else if (failure.kind === 'unknown' || failure.kind === 'not-executed') this.#turnFrom(at);
      throw failure;
    }
  }

  /** Uses the next host from now on, unless another call has turned away from this one already. */
  #turnFrom(at: number): void {
    if (this.#used !== at || this.#hosts.length === 1) return;
    this.#used = (at + 1) % this.#hosts.length;
    this.turns += 1;
  }

  #renewLogin(at: number): void {
    const { user = '', password = '' } = this.#options;
    const request = { name: user, password };
    // etcd refuses an expired token even with a request for a new one.
    this.#metadata = new this.#library.grpc.Metadata();
    const login = this.#send<{ token: string }>(
      this.#hosts[at]!,
      'Auth/Authenticate',
      request,
      LOGIN_MS,
    ).then(({ token }) => {
      const metadata = new this.#library.grpc.Metadata();
      metadata.set('token', token);
      this.#metadata = metadata;
    });
    this.#login = login.catch((error: unknown) => {
      this.#login = undefined;
      const failure = onlyEtcd(error);
      const kind = failure.kind === 'unknown' ? 'not-executed' : failure.kind;
      throw new EtcdFailure(kind, `login refused: ${failure.message}`, error);
    });
  }

  #send<T>(host: Host, name: string, request: object, timeLimitMs: number): Promise<T> {
    const method = this.#library.methods.get(name)!;
    const answer = new Promise<T>((resolve, reject) => {
      const call = host.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.#metadata,
        (error, response) => {
          timer.cancel();
          if (error === null) resolve(response as T);
          else reject(error);
        },
      );
      // A deadline of gRPC would be a time of the wall clock, which may jump.
      const timer = this.#env.clock.setTimer(Math.max(1, timeLimitMs), () => call.cancel());
    });
    // A call of a client that was closed throws at once, and its failure is one like all others.
    return answer.catch((error: unknown) => {
      throw etcdFailure(error, host.name);
    });
  }
}

const LOGIN_MS = 2000;

function credentialsOf(
  grpc: typeof import('@grpc/grpc-js'),
  tls: EtcdTls | undefined,
): ChannelCredentials {
  if (tls === undefined) return grpc.credentials.createInsecure();
  return grpc.credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null);
}

async function loadLibrary(): Promise<Library> {
  try {
    const grpc = await import('@grpc/grpc-js');
    const { fromJSON } = await import('@grpc/proto-loader');
    // Fields that were not sent are left out: to fill in their defaults takes longer than all the rest.
    const options = { keepCase: true, longs: Number, defaults: false, arrays: true };
    const loaded = fromJSON(DESCRIPTOR, options);
    const methods = new Map<string, Method>();
    for (const service of ['KV', 'Maintenance', 'Auth']) {
      const definition = loaded[`etcdserverpb.${service}`] as unknown as Record<string, Method>;
      for (const [name, method] of Object.entries(definition)) {
        methods.set(`${service}/${name}`, method);
      }
    }
    return { grpc, methods };
  } catch (error) {
    if (systemCode(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    const message =
      'A store over etcd needs two packages beside cairn-kv: npm install @grpc/grpc-js@1 @grpc/proto-loader@0.8 (-g, if cairn-kv is global)';
    throw new KvError('KV_BAD_OPTION', message, { cause: error });
  }
}

/** No retry helps. */
function withoutLogin(cause: EtcdFailure): EtcdFailure {
  const next = 'etcd wants a login: give --store-auth-file <file> or CAIRN_STORE_AUTH';
  return new EtcdFailure('refused', `${cause.message}; ${next}`, cause);
}
