// Claim to the upkeep: one server at a time does it, so that not every server reads all items. The claim is a record with a
// time, and any server may take an old one. Two servers that both believe they have it do no harm; the work is done twice.

import type { Clock } from '../../env/env.js';
import type { EtcdCalls } from './client.js';
import { EtcdFailure } from './failure.js';
import { RESULT, TARGET, type KeyValue } from './messages.js';

/** A claim that was not renewed for this long has ended, by the wall clocks of the servers. */
const CLAIM_MS = 60_000;
const RENEW_MS = 20_000;
const LIMIT_MS = 1500;

export class Claim {
  readonly #client: EtcdCalls;
  readonly #clock: Clock;
  readonly #key: Buffer;
  readonly #server: string;
  #renewedMs = -Infinity;
  #seen: string | undefined;

  constructor(client: EtcdCalls, clock: Clock, key: Buffer, server: string) {
    this.#client = client;
    this.#clock = clock;
    this.#key = key;
    this.#server = server;
  }

  /** The record as it was read or written last. Undefined: there was none, or it has not been read yet. */
  get seen(): string | undefined {
    return this.#seen;
  }

  /** Reads the record at the start of the server, and claims when no server of the store ever has. Throws EtcdFailure. */
  async begin(): Promise<void> {
    if ((await this.#look()) === undefined) await this.isOurs();
  }

  async #look(): Promise<KeyValue | undefined> {
    const { kvs } = await this.#client.range({ key: this.#key }, LIMIT_MS);
    this.#seen = kvs[0]?.value?.toString();
    return kvs[0];
  }

  /** Claims, or renews the claim when that is due. Throws EtcdFailure. */
  async isOurs(): Promise<boolean> {
    if (this.#clock.monotonicMs() - this.#renewedMs < RENEW_MS) return true;
    const key = this.#key;
    const record = await this.#look();
    const [holder, time] = this.#seen?.split(' ') ?? [];
    const ageMs = Math.abs(this.#clock.wallMs() - Number(time ?? 0));
    if (holder !== undefined && holder !== this.#server && ageMs < CLAIM_MS) return false;
    const mod_revision = record?.mod_revision ?? 0;
    const value = Buffer.from(`${this.#server} ${this.#clock.wallMs()}`);
    const request = {
      compare: [{ result: RESULT.equal, target: TARGET.modRevision, key, mod_revision }],
      success: [{ request_put: { key, value } }],
      failure: [],
    };
    try {
      const { succeeded } = await this.#client.txn(request, LIMIT_MS);
      if (succeeded !== true) return false;
      this.#renewedMs = this.#clock.monotonicMs();
      this.#seen = value.toString();
      return true;
    } catch (error) {
      // etcd has no room for a claim: the upkeep is needed all the more.
      if (error instanceof EtcdFailure && error.kind === 'no-space') return true;
      throw error;
    }
  }
}
