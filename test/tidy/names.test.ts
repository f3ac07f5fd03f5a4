// Names: no name is exported twice, and every exported name is imported somewhere.

import { expect } from 'chai';
import { engine, everything } from './sources.js';

/** Names of modules that are loaded by name: threads (env/worker-entry.ts), loader hooks, mocha. */
const ASKED_BY_NAME = new Set(['run', 'load', 'mochaHooks', 'PartReporter']);

describe('names', () => {
  it('no name is exported by two files of src', () => {
    const places = new Map<string, string[]>();
    for (const { path, exported } of engine) {
      // A type and a value of one name count once.
      for (const name of new Set(exported)) {
        places.set(name, [...(places.get(name) ?? []), path]);
      }
    }
    const doubles = [...places].filter(([, paths]) => paths.length > 1);
    expect(doubles.filter(([name]) => !ASKED_BY_NAME.has(name))).to.deep.equal([]);
    expect(places.size).to.be.above(500);
  });

  it('every exported name is imported somewhere', () => {
    const asked = new Set(
      everything.flatMap(({ imports }) =>
        imports.flatMap(({ target, names }) => names.map((name) => `${target} ${name}`)),
      ),
    );
    const modules = everything.filter(({ path }) => !path.startsWith('benchmarks/'));
    const idle = modules.flatMap(({ path, exported }) =>
      asked.has(`${path} *`)
        ? []
        : exported
            .filter((name) => !ASKED_BY_NAME.has(name))
            .map((name) => `${path} ${name}`)
            .filter((each) => !asked.has(each)),
    );
    expect(idle).to.deep.equal([]);
  });
});
