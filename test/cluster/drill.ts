// A drill: clients load a cluster through one or two servers, a fault strikes and is healed, and what the clients know is
// compared with what is there. Nothing waits for a time: each step waits for a number of further acknowledged writes.
//
// Invariants of a passed drill: every acknowledged key is there, every key that was seen is there, and no refused one is;
// every key's history has an order; shared counters are exact; no request hangs; writes go on by themselves.

import { SeededRandom } from '../../tools/torture/seeded-random.js';
import { withinTime } from '../../tools/torture/time-limit.js';
import { Registers, type RegisterFindings } from './registers.js';
import { Experience, Session } from './session.js';
import { SharedKeys } from './shared-keys.js';
import { UniqueKeys, type UniqueFindings } from './unique-keys.js';

interface Drill {
  /** A name that is unique in its cluster: the keys begin with it. */
  readonly name: string;
  /** The ports, or paths of sockets, on which the servers listen. */
  readonly places: readonly (number | string)[];
  readonly seed: number;
  /** Hash tags of the writers of unique keys, all different. Writer i asks server i, modulo the number of servers. */
  readonly tags: readonly string[];
  /** The number of writes that each writer has acknowledged before the fault, during it and after it. */
  readonly writes: number;
  /** Causes the fault; settles when it is there. */
  strike(): Promise<void>;
  /** The tags of the writers that go on while the fault lasts (default: all). */
  readonly goOn?: readonly string[];
  /** The fault lasts until the clients got this many errors (default: 0). */
  readonly errors?: number;
  /** Ends the fault; settles when everything is as it was before. */
  heal(): Promise<void>;
}

export interface DrillReport {
  readonly unique: UniqueFindings;
  readonly registers: RegisterFindings;
  readonly experience: Experience;
  /** The longest time of any writer from one acknowledgement to the next. */
  readonly longestSilenceMs: number;
  /** The broken promises, one line each; empty when all is well. */
  readonly failures: readonly string[];
}

/** The number of connections that use registers and shared keys through each server. */
const CLIENTS = 3;
const DEPTH = 4;
/** Longer than any failover takes on a busy machine: it detects only "never". */
const PATIENCE_MS = 60_000;

/** Runs a drill. Throws when writes do not go on by themselves. */
export async function runDrill(drill: Drill): Promise<DrillReport> {
  const experience = new Experience();
  const stop = new AbortController();
  const { signal } = stop;
  const sessions: Session[] = [];
  const session = (server: number): Session => {
    const place = drill.places[server % drill.places.length]!;
    const made = new Session(place, experience, signal);
    sessions.push(made);
    return made;
  };
  const random = new SeededRandom(drill.seed);
  const writers = drill.tags.map((tag) => new UniqueKeys(tag, drill.name));
  const registers = new Registers(`${drill.name}-r`);
  const shared = new SharedKeys(`${drill.name}-s`);
  await shared.create(session(0));

  const share = async (client: Session): Promise<void> => {
    while (!signal.aborted) await shared.change(client);
  };
  const running = writers.flatMap((writer, at) => [
    writer.write(session(at), DEPTH, signal),
    writer.look(session(at + 1), signal),
  ]);
  for (let at = 0; at < CLIENTS * drill.places.length; at++) {
    running.push(registers.use(session(at), random.fork(), signal), share(session(at)));
  }
  const broken = Promise.all(running);
  // The promise is awaited at the end; an error before that is thrown by the step that it breaks.
  broken.catch(() => undefined);
  try {
    const go = async (who: readonly UniqueKeys[], when: string, errors = 0): Promise<void> => {
      const writes = who.map((writer) => writer.more(drill.writes));
      const more = Promise.all([...writes, experience.moreErrors(errors)]);
      const late = (): Error =>
        new Error(`${drill.name}: writes do not go on ${when}: ${describeErrors(experience)}`);
      await withinTime(PATIENCE_MS, Promise.race([more, broken]), late);
    };
    await go(writers, 'before the fault');
    await drill.strike();
    const { goOn } = drill;
    await go(
      writers.filter(({ tag }) => goOn?.includes(tag) ?? true),
      'during the fault',
      drill.errors,
    );
    await drill.heal();
    await go(writers, 'after the fault');
  } finally {
    stop.abort();
  }
  await broken;
  const report = await judge(session(0), writers, registers, shared, experience);
  await Promise.all(sessions.map((each) => each.close()));
  return report;
}

async function judge(
  session: Session,
  writers: readonly UniqueKeys[],
  registers: Registers,
  shared: SharedKeys,
  experience: Experience,
): Promise<DrillReport> {
  const found: UniqueFindings[] = [];
  for (const writer of writers) found.push(await writer.judge(session));
  const sum = (pick: (one: UniqueFindings) => number): number =>
    found.reduce((total, one) => total + pick(one), 0);
  const unique: UniqueFindings = {
    acknowledged: sum((one) => one.acknowledged),
    seen: sum((one) => one.seen),
    unknown: sum((one) => one.unknown),
    happened: sum((one) => one.happened),
    lost: found.flatMap((one) => one.lost),
    seenAndGone: found.flatMap((one) => one.seenAndGone),
    invented: found.flatMap((one) => one.invented),
  };
  const histories = registers.judge();
  const longestSilenceMs = Math.max(...writers.map((writer) => writer.longestSilenceMs));
  const failures = [
    ...some('acknowledged and gone', unique.lost),
    ...some('seen and gone', unique.seenAndGone),
    ...some('invented', unique.invented),
    ...some('without an answer', experience.hangs),
    ...histories.broken,
    ...(await shared.judge(session)),
  ];
  return { unique, registers: histories, experience, longestSilenceMs, failures };
}

function some(what: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${lines.length} ${what}: ${lines.slice(0, 3).join('; ')}`];
}

function describeErrors({ errors }: Experience): string {
  return [...errors].map(([error, count]) => `${count} × ${error}`).join(', ') || 'no errors';
}

/** Sums up drills of one kind in a line for the table of docs/reliability.md, with the worst of the times. */
export function drillFigure(reports: readonly DrillReport[]): string {
  const sum = (pick: (report: DrillReport) => number): string =>
    reports.reduce((total, report) => total + pick(report), 0).toLocaleString('en');
  const longest = (pick: (report: DrillReport) => number): string =>
    `${(Math.max(...reports.map(pick)) / 1000).toFixed(1)} s`;
  const { acknowledged, lost, refused, unknown, happened } = {
    acknowledged: sum(({ unique }) => unique.acknowledged),
    lost: sum(({ unique }) => unique.lost.length),
    refused: sum(({ experience }) => experience.refused),
    unknown: sum(({ unique }) => unique.unknown),
    happened: sum(({ unique }) => unique.happened),
  };
  return (
    `${acknowledged} writes acknowledged, ${lost} lost, ${refused} requests refused, ` +
    `${unknown} unknown and ${happened} of these stored, ` +
    `${sum(({ registers }) => registers.keys - registers.broken.length)} of ` +
    `${sum(({ registers }) => registers.keys)} histories in order, ` +
    `longest silence ${longest(({ longestSilenceMs }) => longestSilenceMs)}, ` +
    `slowest answer ${longest(({ experience }) => experience.slowestMs)}`
  );
}
