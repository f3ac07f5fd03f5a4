// Calls to an etcd cluster by gRPC: one connection to each host, one of them in use; a host that fails hands over to the
// next at once. The packages are loaded when a store is opened: nobody else needs them.
//
// Invariants:
// - A call is sent once. Whether it may be sent again is for its caller, who is told by EtcdFailure.kind.
// - A call ends by its time limit, whatever the network does.
// - A password is in no message.

import type { ChannelCredentials, Client, Metadata, MethodDefinition } from '@grpc/grpc-js';

import type { Env } from '../../env/env.js';
import { KvError, systemCode } from '../../errors.js';
import { EtcdFailure, etcdFailure } from './failure.js';
import { DESCRIPTOR, type RangeRequest, type RangeResponse } from './messages.js';
import type { StatusResponse, TxnRequest, TxnResponse } from './messages.js';

export interface EtcdOptions {
  /** host:port of each node that is known; one that answers is enough. */
  readonly hosts: readonly string[];
  /** Before every key; by default `cairn/`. Ends as given: nothing is put between it and the rest. */
  readonly prefix: string;
  /** Present: TLS. The certificates in PEM. */
  readonly tls?: EtcdTls | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
}

interface EtcdTls {
  /** Whoever signed the nodes' certificates; by default those that Node knows. */
  readonly ca?: Buffer | undefined;
  /** This server's own, where etcd wants one of its clients. */
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

const CHANNEL_OPTIONS = {
  // A batch is bounded by this store, an answer by etcd.
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // A host that comes back is used soon.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // etcd cuts whoever pings more often than every 5 s.
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

/** What the store asks of a cluster: the calls of EtcdClient, which tests lose and delay. */
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
  /** Calls that failed, by whatever cause. */
  failures = 0;
  /** How often another host was turned to. */
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

  /** Connects to nothing yet. Throws KvError KV_BAD_OPTION when the packages are missing. */
  static async load(env: Env, options: EtcdOptions): Promise<EtcdClient> {
    return new EtcdClient(env, options, await loadLibrary());
  }

  get hosts(): readonly string[] {
    return this.#hosts.map(({ name }) => name);
  }

  /** The host that calls go to. */
  get used(): string {
    return this.#hosts[this.#used]!.name;
  }

  /** Throws EtcdFailure. */
  txn(request: TxnRequest, timeLimitMs: number): Promise<TxnResponse> {
    return this.#call<TxnResponse>('KV/Txn', request, timeLimitMs);
  }

  /** Throws EtcdFailure. */
  range(request: RangeRequest, timeLimitMs: number): Promise<RangeResponse> {
    return this.#call<RangeResponse>('KV/Range', request, timeLimitMs);
  }

  /** Forgets the states before `revision`. Throws EtcdFailure. */
  async compact(revision: number, timeLimitMs: number): Promise<void> {
    await this.#call('KV/Compact', { revision }, timeLimitMs);
  }

  /** Of the host with that number. Throws EtcdFailure. */
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
      const failure = error instanceof EtcdFailure ? error : etcdFailure(error, this.used);
      if (failure.kind === 'login') this.#login = undefined;
      else if (failure.kind === 'unknown' || failure.kind === 'not-executed') this.#turnFrom(at);
      throw failure;
    }
  }

  /** The next host is used from now on, unless somebody has turned away from this one already. */
  #turnFrom(at: number): void {
    if (this.#used !== at || this.#hosts.length === 1) return;
    this.#used = (at + 1) % this.#hosts.length;
    this.turns += 1;
  }

  #renewLogin(at: number): void {
    const { user = '', password = '' } = this.#options;
    const request = { name: user, password };
    // A token that has expired is refused even here.
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
      const failure = etcdFailure(error, this.#hosts[at]!.name);
      const kind = failure.kind === 'unknown' ? 'not-executed' : failure.kind;
      throw new EtcdFailure(kind, `login refused: ${failure.message}`, error);
    });
  }

  #send<T>(host: Host, name: string, request: object, timeLimitMs: number): Promise<T> {
    const method = this.#library.methods.get(name)!;
    return new Promise((resolve, reject) => {
      const call = host.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.#metadata,
        (error, response) => {
          timer.cancel();
          if (error === null) resolve(response as T);
          else reject(etcdFailure(error, host.name));
        },
      );
      // A deadline of gRPC's would be a time of the wall clock, which may jump.
      const timer = this.#env.clock.setTimer(Math.max(1, timeLimitMs), () => call.cancel());
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
    // What was not sent is left out: filling in defaults takes longer than all the rest.
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
