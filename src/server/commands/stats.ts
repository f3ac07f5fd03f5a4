// The command `stats` and its sub-commands, in text and binary. Each waits for a slice of the turn (slices.ts); long
// answers are sent in several slices.

import { lineKey } from '../../protocol/listed-key.js';
import { errorReply, type ErrorName } from '../../protocol/reply.js';
import type { StatsRequest } from '../../protocol/request.js';
import { wallExpiryOf } from '../../store/expiry.js';
import { resetCounters } from '../counters.js';
import { sendListing } from '../listing.js';
import type { Session } from '../session.js';
import { itemsLines, slabsLines } from '../stats/classes.js';
import { connectionLines } from '../stats/conns.js';
import { generalLines } from '../stats/general.js';
import { answerLines, sendInSlices } from '../stats/lines.js';
import { settingsLines } from '../stats/settings.js';

const CLASS_ID_MAX = 63;
const OK = { kind: 'result', status: 'ok', cas: 0n, valueBytes: 0 } as const;

export function stats(request: StatsRequest, session: Session): Promise<void> | undefined {
  const turn = session.services.slices.enter();
  return turn === undefined ? answer(request, session) : turn.then(() => answer(request, session));
}

function answer(request: StatsRequest, session: Session): Promise<void> | undefined {
  const { form, words } = request;
  const { services } = session;
  const [what = ''] = words;
  switch (what) {
    case '':
      answerLines(session, form, generalLines(services));
      return undefined;
    case 'settings':
      answerLines(session, form, settingsLines(services));
      return undefined;
    case 'items':
      answerLines(session, form, itemsLines(services));
      return undefined;
    case 'slabs':
      answerLines(session, form, slabsLines(services));
      return undefined;
    case 'sizes':
      answerLines(session, form, [['sizes_status', 'disabled']]);
      return undefined;
    case 'conns':
      return conns(request, session);
    case 'reset':
      resetCounters(session.counters);
      session.store.resetStats();
      services.detail.clear();
      session.answer(form, { kind: 'reset' });
      return undefined;
    case 'detail':
      return detail(request, session);
    case 'cachedump':
      return cachedump(request, session);
    default:
      // Binary has no other status for an unknown statistic.
      if (form.wire === 'binary') {
        session.answer(form, { kind: 'result', status: 'not-found', cas: 0n, valueBytes: 0 });
      } else session.fail(form, 'unknown-command');
      return undefined;
  }
}

async function conns({ form }: StatsRequest, session: Session): Promise<void> {
  const descriptions = session.services.control.describeConnections();
  const whole = await sendInSlices(session, descriptions, (one) => {
    for (const [name, value] of connectionLines(one)) {
      session.answer(form, { kind: 'stat', name, value });
    }
  });
  if (whole) session.answer(form, { kind: 'end', hits: 1 });
}

async function dumpDetail({ form }: StatsRequest, session: Session): Promise<void> {
  const whole = await sendInSlices(session, session.services.detail.lines(), (line) =>
    session.answer(form, { kind: 'line', line: Buffer.from(line, 'latin1') }),
  );
  if (whole) session.answer(form, { kind: 'end', hits: 1 });
}

function detail(request: StatsRequest, session: Session): Promise<void> | undefined {
  const { form, words } = request;
  const prefixes = session.services.detail;
  switch (words[1]) {
    case 'on':
    case 'off':
      prefixes.isOn = words[1] === 'on';
      session.answer(form, OK);
      break;
    case 'dump':
      return dumpDetail(request, session);
    default:
      session.fail(form, 'bad-detail');
  }
  return undefined;
}

/** Answers `stats cachedump <class> <limit>`; class 1 holds all items. */
function cachedump(request: StatsRequest, session: Session): Promise<void> | undefined {
  const { form, words } = request;
  const classId = Number(words[1]);
  const limit = Number(words[2]);
  const refusal = cachedumpRefusal(words, session);
  if (refusal !== undefined) {
    session.answer(form, errorReply(refusal));
    return undefined;
  }
  if (classId !== 1) {
    session.answer(form, { kind: 'end', hits: 1 });
    return undefined;
  }
  const listing = {
    form,
    limit: limit === 0 ? Number.POSITIVE_INFINITY : limit,
    lineOf: ({ key, bytes, expiresAt }: { key: Buffer; bytes: number; expiresAt: number }) =>
      `ITEM ${lineKey(key)} [${bytes} b; ${Math.floor(wallExpiryOf(expiresAt, session.store) / 1000)} s]`,
  };
  return sendListing(session, listing).then((whole) => {
    if (whole) session.answer(form, { kind: 'end', hits: 1 });
  });
}

function cachedumpRefusal(words: readonly string[], session: Session): ErrorName | undefined {
  if (!session.services.config.dumpEnabled) return 'unknown-command';
  const [, classWord, limitWord] = words;
  if (classWord === undefined || limitWord === undefined) return 'bad-line-short';
  if (!/^\d{1,9}$/.test(classWord) || !/^\d{1,9}$/.test(limitWord)) return 'bad-line';
  return Number(classWord) > CLASS_ID_MAX ? 'bad-slab-id' : undefined;
}
