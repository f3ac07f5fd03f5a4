// Shared keys: callers of several servers count, append, compare tokens and lock on the same keys. What was acknowledged is there
// once, what was refused is not there, and what is unknown is there once at most.

import { expect } from 'chai';

import type * as S from '../../src/store/store.js';
import type { SeededRandom } from '../../tools/torture/seeded-random.js';

const COUNTER = Buffer.from('shared:counter');
const LIST = Buffer.from('shared:list');
const REFUSED: readonly string[] = ['closed', 'no-space', 'exists', 'not-found', 'not-stored'];

export class SharedKeys {
  #sum = 0n;
  #unknownSum = 0n;
  readonly #numbers = new Set<bigint>();
  readonly #fates = new Map<string, string>();
  #holder: string | undefined;
  #lock = 'shared:lock0';
  #locks = 0;

  async begin(store: S.Store): Promise<void> {
    for (const key of [COUNTER, LIST]) {
      const value = Buffer.from(key === COUNTER ? '0' : '[');
      const put = { key, value, flags: 0, expiresAt: 0 };
      while ((await store.put({ mode: 'set', ...put })).status !== 'stored') continue;
    }
  }

  /** Makes one call as `caller`, and throws when its answer is wrong. */
  async step(store: S.Store, caller: string, random: SeededRandom): Promise<void> {
    const kind = random.below(4);
    if (kind === 0) await this.#add(store, BigInt(random.between(1, 9)));
    else if (kind === 1) await this.#join(store);
    else if (kind === 2) await this.#swap(store);
    else await this.#hold(store, caller);
  }

  /** Compares the keys with the answers. */
  async judge(store: S.Store): Promise<void> {
    const sum = BigInt(await valueOf(store, COUNTER));
    expect(
      sum >= this.#sum && sum <= this.#sum + this.#unknownSum,
      `${sum} of ${this.#sum}`,
    ).to.equal(true);
    const found = (await valueOf(store, LIST)).split(/[[,]/).slice(1, -1);
    expect(new Set(found).size, 'an element is there twice').to.equal(found.length);
    for (const [element, fate] of this.#fates) {
      if (fate === 'stored') expect(found, `acknowledged ${element}`).to.include(element);
      else if (fate !== 'unknown') expect(found, `${fate} ${element}`).not.to.include(element);
    }
  }

  async #add(store: S.Store, delta: bigint): Promise<void> {
    const change = { key: COUNTER, delta, direction: 'incr' } as const;
    const { status, number } = await store.arithmetic(change);
    if (status === 'unknown') this.#unknownSum += delta;
    else if (status === 'stored') {
      this.#sum += delta;
      expect(this.#numbers.has(number), `${number} was given twice`).to.equal(false);
      this.#numbers.add(number);
    } else expect(status).to.be.oneOf(['closed', 'no-space']);
  }

  async #join(store: S.Store): Promise<void> {
    const element = `a${this.#fates.size}`;
    this.#fates.set(element, 'unknown');
    const put = { key: LIST, value: Buffer.from(`${element},`), flags: 0, expiresAt: 0 };
    const { status } = await store.put({ mode: 'append', ...put });
    expect(status).to.be.oneOf(['stored', 'unknown', 'closed', 'no-space']);
    this.#fates.set(element, status);
  }

  async #swap(store: S.Store): Promise<void> {
    const found = await store.get(LIST);
    if (found.kind !== 'hit') {
      expect(found.kind).to.equal('refused');
      return;
    }
    const element = `c${this.#fates.size}`;
    this.#fates.set(element, 'unknown');
    const value = Buffer.from(`${(found.item.value as Buffer).toString()}${element},`);
    const put = { key: LIST, value, flags: 0, expiresAt: 0, compareCas: found.item.cas };
    const { status } = await store.put({ mode: 'set', ...put });
    expect(status).to.be.oneOf(['stored', 'unknown', ...REFUSED]);
    this.#fates.set(element, status);
  }

  /** Takes the lock, holds it for a read, and gives it back. */
  async #hold(store: S.Store, caller: string): Promise<void> {
    const lock = this.#lock;
    const key = Buffer.from(lock);
    const put = { key, value: Buffer.from(caller), flags: 0, expiresAt: 0 };
    const { status } = await store.put({ mode: 'add', ...put });
    if (status === 'unknown') this.#newLock(lock);
    if (status !== 'stored' || this.#lock !== lock) return;
    expect(this.#holder, `${caller} took ${lock}`).to.equal(undefined);
    this.#holder = caller;
    const found = await store.get(key);
    if (this.#lock !== lock) return;
    if (found.kind === 'hit') expect((found.item.value as Buffer).toString()).to.equal(caller);
    else expect(found.kind, `the lock of ${caller}`).to.equal('refused');
    this.#holder = undefined;
    const removed = await store.delete({ key });
    if (removed.status === 'unknown') this.#newLock(lock);
    else if (removed.status !== 'deleted') {
      expect(removed.status).to.equal('closed');
      this.#newLock(lock);
    }
  }

  #newLock(old: string): void {
    if (this.#lock !== old) return;
    this.#lock = `shared:lock${(this.#locks += 1)}`;
    this.#holder = undefined;
  }
}

async function valueOf(store: S.Store, key: Buffer): Promise<string> {
  for (;;) {
    const found = await store.get(key);
    if (found.kind === 'hit') return (found.item.value as Buffer).toString();
    expect(found.kind, key.toString()).to.equal('refused');
  }
}
