// A program can name every type of the library: the types in the signatures of src/index.ts are exported there.

import { expect } from 'chai';
import { everything, fileText } from './sources.js';

/** The types of TypeScript and Node. */
const GIVEN = new Set(
  'AbortSignal AsyncGenerator Buffer Error Omit Partial Promise ReadonlyMap Readonly Record Uint8Array const'.split(
    ' ',
  ),
);
/** Types that a program sees through: CairnOptions is made of the first, KvErrorCode of the second. */
const SEEN_THROUGH = new Set(['StoreOptions', 'ERROR_CODES']);

describe('the types of the library', () => {
  it('src/index.ts exports each type that a signature names', () => {
    const index = fileText('src/index.ts');
    const exported = new Map<string, string>();
    for (const [, names = '', from = ''] of index.matchAll(
      /export (?:type )?\{([^}]+)\} from '\.\/(.+)\.js'/g,
    ))
      for (const name of names.split(',')) exported.set(name.trim(), `src/${from}.ts`);
    expect(exported.size).to.be.above(10);
    const missing = [...exported].flatMap(([name, path]) => {
      const source = everything.find((each) => each.path === path);
      const named = source?.named.get(name);
      expect(named, `${path}: ${name}`).not.to.equal(undefined);
      return (named ?? [])
        .filter((type) => !exported.has(type) && !GIVEN.has(type) && !SEEN_THROUGH.has(type))
        .map((type) => `${name} names ${type}`);
    });
    expect(missing).to.deep.equal([]);
  });
});
