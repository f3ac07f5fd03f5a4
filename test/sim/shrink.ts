// Makes a failing life shorter: leaves out stages, faults and commands as long as the life still fails.

import { live, type Life, type Stage } from './machine-life.js';

const ATTEMPTS = 400;

/** Returns the shortest failing life found; undefined when the given life does not fail. */
export async function shrink(life: Life): Promise<Life | undefined> {
  if (!(await fails(life))) return undefined;
  let best = life;
  let attempts = 0;
  for (let again = true; again;) {
    again = false;
    for (const shorter of shorterLives(best)) {
      if (++attempts > ATTEMPTS) return best;
      if (!(await fails(shorter))) continue;
      best = shorter;
      again = true;
      break;
    }
  }
  return best;
}

async function fails(life: Life): Promise<boolean> {
  try {
    await live(life);
    return false;
  } catch {
    return true;
  }
}

function* shorterLives(life: Life): Generator<Life> {
  const { stages } = life;
  const withStage = (at: number, stage: Stage): Life => ({
    ...life,
    stages: stages.map((each, index) => (index === at ? stage : each)),
  });
  for (let at = 0; at < stages.length; at++) yield { ...life, stages: without(stages, at, 1) };
  for (const [at, stage] of stages.entries()) {
    for (let fault = 0; fault < stage.faults.length; fault++) {
      yield withStage(at, { ...stage, faults: without(stage.faults, fault, 1) });
    }
    for (let count = Math.ceil(stage.commands.length / 2); count >= 1; count >>= 1) {
      for (let from = 0; from < stage.commands.length; from += count) {
        yield withStage(at, { ...stage, commands: without(stage.commands, from, count) });
      }
    }
  }
}

function without<T>(list: readonly T[], from: number, count: number): T[] {
  return [...list.slice(0, from), ...list.slice(from + count)];
}
