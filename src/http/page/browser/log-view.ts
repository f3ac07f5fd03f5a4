// The log as a picture: each segment is a bar of live and dead bytes, the active one grows, and compactions show as
// they run. Beside it stands what the disk holds outside the segments.

import type { JobOutcome, JobView, LogPicture, Sample, SegmentGroup } from '../wire.js';
import { byId, make } from './elements.js';
import { bytesText, countText, durationText, shareText } from './format.js';
import { failureOf, post } from './session.js';

const PARTS = ['live', 'dead', 'other', 'large', 'history'] as const;
const PART_NAMES = {
  live: 'live',
  dead: 'dead',
  other: 'kept and overhead',
  large: 'large values',
  history: 'history',
} as const;

export class LogView {
  readonly #panel = byId('log', HTMLElement);
  readonly #segments = byId('segments', HTMLOListElement);
  readonly #summary = byId('log-summary', HTMLElement);
  readonly #jobs = byId('jobs', HTMLUListElement);
  readonly #disk = byId('disk', HTMLElement);
  readonly #legend = byId('disk-legend', HTMLUListElement);

  constructor() {
    for (const button of document.querySelectorAll<HTMLButtonElement>('[data-job]')) {
      button.addEventListener('click', () => void this.#start(button));
    }
  }

  set mayBackUp(mayBackUp: boolean) {
    byId('backup', HTMLButtonElement).hidden = !mayBackUp;
  }

  /** Without a segment there is no log to show, compact or export, because the items are in a cluster. */
  show({ segmentBytes, groups, jobs }: LogPicture): void {
    this.#panel.hidden = groups.length === 0;
    const count = groups.reduce((sum, group) => sum + group.count, 0);
    const bytes = groups.reduce((sum, group) => sum + group.bytes, 0);
    const dead = groups.reduce((sum, group) => sum + group.dead, 0);
    const running = groups.filter(({ state }) => state === 'compacting').length;
    const compacting = running === 0 ? '' : `, ${running} being compacted`;
    const segments = `${countText(count)} ${count === 1 ? 'segment' : 'segments'}${compacting}`;
    const share = bytes === 0 ? 0 : dead / bytes;
    this.#summary.textContent = `${segments}, ${bytesText(bytes)}, ${shareText(share)} dead`;
    this.#showSegments(groups, segmentBytes);
    const compacted = groups.reduce((sum, group) => sum + group.compacted, 0);
    this.#showJobs(jobs, compacted);
  }

  /** Shows all that the store has on the disk. */
  showDisk({ disk }: Sample): void {
    const { segments, live, dead, large, history } = disk;
    const inSegments = Math.max(0, live - large);
    const other = Math.max(0, segments - inSegments - dead);
    const sizes = { live: inSegments, dead, other, large, history };
    const total = PARTS.reduce((sum, part) => sum + sizes[part], 0);
    const shown = PARTS.filter((part) => sizes[part] > 0);
    this.#disk.setAttribute(
      'aria-label',
      shown.map((part) => `${PART_NAMES[part]} ${bytesText(sizes[part])}`).join(', '),
    );
    this.#disk.replaceChildren(
      ...shown.map((part) => {
        const piece = make('span', { class: `part-${part}` });
        piece.style.flexGrow = String(sizes[part] / total);
        return piece;
      }),
    );
    this.#legend.replaceChildren(
      ...shown.map((part) => {
        const size = make('span', { class: 'value' }, bytesText(sizes[part]));
        return make('li', { class: `part-${part}` }, make('span', {}, PART_NAMES[part]), size);
      }),
    );
  }

  #showSegments(groups: readonly SegmentGroup[], segmentBytes: number): void {
    const list = this.#segments;
    while (list.children.length > groups.length) list.lastElementChild!.remove();
    while (list.children.length < groups.length) {
      list.append(make('li', {}, make('span', { class: 'dead' }), make('span', { class: 'live' })));
    }
    for (const [at, group] of groups.entries()) {
      const item = list.children[at] as HTMLElement;
      const full = Math.max(group.bytes, segmentBytes * group.count);
      item.style.setProperty('--live-share', String(group.live / full));
      item.style.setProperty('--filled-share', String(group.bytes / full));
      item.style.setProperty('--compacted-share', String(group.compacted / group.bytes));
      item.style.setProperty('--used-share', String((group.live + group.dead) / full));
      item.dataset['state'] = group.state;
      item.title = describe(group);
      item.setAttribute('aria-label', item.title);
    }
  }

  #showJobs(jobs: readonly JobView[], compacted: number): void {
    this.#jobs.replaceChildren(
      ...jobs.map((job) => {
        const item = make('li', { 'data-state': job.state }, textOf(job));
        if (job.state === 'running' && job.progress !== undefined) {
          // The counters of the store do not count the present run before it ends.
          const { total } = job.progress;
          const done = Math.min(total, job.progress.done + compacted);
          const max = String(Math.max(1, total));
          item.append(make('progress', { max, value: String(done), 'aria-label': job.name }));
        }
        return item;
      }),
    );
    for (const button of document.querySelectorAll<HTMLButtonElement>('[data-job]')) {
      const { job } = button.dataset;
      button.disabled = jobs.some(({ name, state }) => name === job && state === 'running');
    }
  }

  async #start(button: HTMLButtonElement): Promise<void> {
    const { job = '' } = button.dataset;
    button.disabled = true;
    try {
      await post(`/page/${job === 'compaction' ? 'compact' : job}`);
    } catch (error) {
      this.#jobs.replaceChildren(make('li', { 'data-state': 'failed' }, failureOf(error)));
      button.disabled = false;
    }
  }
}

function describe({ first, last, count, state, bytes, live, dead }: SegmentGroup): string {
  const numbers = first === last ? `${first}` : `${first} to ${last}`;
  const name = count === 1 ? `segment ${numbers}` : `${count} segments, ${numbers}`;
  const how = state === 'sealed' ? '' : `, ${state}`;
  return `${name}${how}: ${bytesText(bytes)}, ${bytesText(live)} live, ${bytesText(dead)} dead`;
}

function textOf(job: JobView): string {
  const since = durationText(Math.max(0, Math.round((Date.now() - job.startedAt) / 1000)));
  switch (job.state) {
    case 'running':
      return `${job.name} runs, since ${since}`;
    case 'failed':
      return `${job.name} failed: ${job.error}`;
    default:
      return `${job.name} done: ${outcomeOf(job.outcome)}`;
  }
}

function outcomeOf({ compaction, snapshot, backup }: JobOutcome): string {
  if (backup !== undefined) return backup;
  if (compaction !== undefined) {
    const { segmentsBefore, segmentsAfter, bytesBefore, bytesAfter } = compaction;
    const sizes = `${bytesText(bytesBefore)} became ${bytesText(bytesAfter)}`;
    return `${sizes}, ${segmentsBefore} segments became ${segmentsAfter}`;
  }
  if (snapshot === undefined) return '';
  const { path, count, bytes } = snapshot;
  return `${countText(count)} keys, ${bytesText(bytes)}, in ${path}`;
}
