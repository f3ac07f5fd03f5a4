// Names: no exported name twice, none that nobody imports, and what comments name is there.

import { expect } from 'chai';
import { commentsOf, engine, everything, exists, fileText } from './sources.js';

/** The contract of a module that is loaded by its name: of threads (env/worker-entry.ts), loader hooks, mocha. */
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

  it('what is exported, somebody imports', () => {
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

  it('a chapter that a comment names exists', () => {
    const missing = everything.flatMap(({ path, text }) =>
      commentsOf(text).flatMap((comment) =>
        [...comment.matchAll(/((?:[\w-]+\/)*[\w-]+\.md),? "([^"]+)"/g)]
          .filter(([, page = '', heading = '']) => !hasHeading(page, heading))
          .map(([named]) => `${path}: ${named}`),
      ),
    );
    expect(missing).to.deep.equal([]);
  });

  it('a file that a comment names exists', () => {
    const names = new Set(everything.flatMap(({ path }) => [path, path.split('/').at(-1) ?? '']));
    const missing = everything.flatMap(({ path, text }) =>
      commentsOf(text).flatMap((comment) =>
        [...comment.matchAll(/(?<![\w./-])(?:\.\.\/)?((?:[\w.-]+\/)*[a-z][\w.-]*\.(?:ts|md))\b/g)]
          .map(([, named = '']) => named)
          .filter((named) => !names.has(named) && !isPath(named))
          .map((named) => `${path}: ${named}`),
      ),
    );
    expect(missing).to.deep.equal([]);
  });
});

/** A heading, or a paragraph that begins with the words in bold. */
function hasHeading(page: string, heading: string): boolean {
  if (!exists(page)) return false;
  const text = fileText(page);
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, words]) => words);
  return headings.includes(heading) || text.includes(`\n**${heading}`);
}

/** From the root, or from a folder of src or docs. */
function isPath(named: string): boolean {
  return [
    '',
    'src/',
    'src/store/',
    'src/log/',
    'src/server/',
    'src/protocol/',
    'docs/',
    'test/',
  ].some((folder) => exists(folder + named));
}
