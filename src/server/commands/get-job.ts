// One get being answered: its lookups become replies in one section. Shared by the path that never waits
// (retrieval.ts) and the one that does (retrieval-later.ts).

import { uriEncoded } from '../../protocol/listed-key.js';
import type { GetRequest } from '../../protocol/request.js';
import { errorReply, type ErrorName, type HitReply, type MetaHit } from '../../protocol/reply.js';
import { expiresAtOf, ttlSecondsOf } from '../../store/expiry.js';
import type { Item, Lookup, ReadOptions, Store } from '../../store/store.js';
import type { ReplySection } from '../reply-section.js';
import type { GetProgress, Session } from '../session.js';
import { countLookup } from './retrieval-counts.js';

export class GetJob {
  readonly request: GetRequest;
  readonly session: Session;
  readonly section: ReplySection;
  readonly progress: GetProgress;
  /** Undefined for a plain get. */
  readonly options: ReadOptions | undefined;
  /** What the bytes composed since `start` depend on. */
  after = 0;
  readonly start: number;

  constructor(
    request: GetRequest,
    session: Session,
    section: ReplySection,
    progress: GetProgress,
    options: ReadOptions | undefined,
  ) {
    this.request = request;
    this.session = session;
    this.section = section;
    this.progress = progress;
    this.options = options;
    this.start = section.output.length;
  }

  /** Composes the answer to one key whose value is in memory, to a miss or to damage. */
  compose(key: Buffer, found: Lookup): void {
    const { form } = this.request;
    this.count(key, found);
    if (found.kind === 'hit') {
      this.progress.hits += 1;
      this.session.replies.send(form, this.hit(key, found.item), 0, this.section);
    } else if (found.kind === 'miss') {
      this.session.replies.send(form, { kind: 'miss', key }, 0, this.section);
    } else if (found.kind === 'refused') {
      this.fail(found.status);
    } else {
      this.session.counters.damaged_reads += 1;
      this.fail('damaged');
    }
  }

  /** In stats, and for those who asked: stats detail and watchers. */
  count(key: Buffer, found: Lookup): void {
    countLookup(this.session.counters, this.request, found);
    this.#tell(key, found);
  }

  /** Answers by an error, the last word about this get. */
  fail(error: ErrorName): void {
    this.progress.failed = true;
    this.session.replies.send(this.request.form, errorReply(error), 0, this.section);
  }

  /** After the last key of a part: END, unless more keys follow or an error was said. */
  end(): void {
    const { progress, request } = this;
    if (!request.last) return;
    if (!progress.failed) {
      const end = { kind: 'end', hits: progress.hits } as const;
      this.session.replies.send(request.form, end, 0, this.section);
    }
    progress.hits = 0;
    progress.failed = false;
  }

  /** Holds back what was composed since the start until it is durable. */
  gate(): void {
    this.session.replies.gate(this.section, this.start, this.request.form, this.after);
  }

  hit(key: Buffer, item: Item): HitReply {
    const meta = this.request.form.wire === 'meta' ? this.#metaHit(item) : undefined;
    return { kind: 'hit', key, item, meta };
  }

  /** False when the header says it all: meta without flag v, or with a CAS that the client knows. */
  wantsBytes(item: Item): boolean {
    return this.request.wantsValue && this.request.knownCas !== item.cas;
  }

  #tell(key: Buffer, found: Lookup): void {
    const { detail, watchers } = this.session.services;
    const isHit = found.kind === 'hit';
    if (detail.isOn) detail.recordGet(key, isHit);
    if (watchers.count === 0) return;
    const reason = found.kind === 'miss' && found.reason !== 'absent' ? found.reason : 'not_found';
    const status = `status=${isHit ? 'found' : reason} clsid=${isHit ? 1 : 0}`;
    const size = `cfd=${this.session.id} size=${isHit ? found.item.valueBytes : 0}`;
    watchers.emit(
      'fetchers',
      `type=item_get key=${uriEncoded(key)} ${status} ${size}`,
      found.after,
    );
  }

  #metaHit(item: Item): MetaHit {
    const nowMs = this.session.store.nowMs();
    const { knownCas } = this.request;
    const { created } = item;
    const touchedTo = created ? undefined : this.options?.expiresAt;
    return {
      ttlSeconds: ttlSecondsOf(touchedTo ?? item.expiresAt, nowMs),
      ttlSecondsBefore: created ? -1 : ttlSecondsOf(item.expiresAt, nowMs),
      created,
      fetched: item.fetched,
      idleSeconds: item.idleSeconds,
      won: item.wins,
      stale: item.stale,
      winSent: item.won && !item.wins,
      known: knownCas !== undefined && knownCas === item.cas,
    };
  }
}

/** How the store shall read; undefined for a plain get, which makes no object. */
export function readOptionsOf(request: GetRequest, store: Store): ReadOptions | undefined {
  const { touchExptime, vivifyExptime, recacheSeconds, form } = request;
  if (form.wire !== 'meta' && touchExptime === undefined) return undefined;
  const nowMs = store.nowMs();
  const expiry = (exptime: number | undefined): number | undefined =>
    exptime === undefined ? undefined : expiresAtOf(exptime, nowMs, store);
  return {
    expiresAt: expiry(touchExptime),
    quiet: request.unused,
    win: form.wire === 'meta',
    recacheMs: recacheSeconds === undefined ? undefined : recacheSeconds * 1000,
    vivifyExpiresAt: expiry(vivifyExptime),
    chosenCas: request.chosenCas,
  };
}
