// Sizes and forms that every file keeps.

import { expect } from 'chai';
import { files } from './passages.js';
import { engine, everything, fileText } from './sources.js';

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

describe('sizes and forms', () => {
  it('there are sources to check', () => {
    expect(engine.length).to.be.above(150);
    expect(everything.length).to.be.above(400);
  });

  it('files are at most 400 lines long', () => {
    const long = everything
      .filter(({ text }) => text.split('\n').length - 1 > FILE_LINES_MAX)
      .map(({ path }) => path);
    expect(long).to.deep.equal([]);
  });

  it('functions are at most 70 lines long', () => {
    const measured = everything.filter(({ path }) => !path.startsWith('test'));
    const all = measured.flatMap(({ path, functions }) =>
      functions.map(({ name, lines }) => ({ name: `${path} ${name}`, lines })),
    );
    const long = all.filter(({ lines }) => lines > FUNCTION_LINES_MAX).map(({ name }) => name);
    expect(long).to.deep.equal([]);
    // This many shows that the parser finds every form of function.
    expect(all.length).to.be.above(3000);
  });

  it('every file but a test opens with a comment', () => {
    const modules = everything.filter(({ path }) => !path.endsWith('.test.ts'));
    const bare = modules.filter(({ text }) => !/^(?:#!.*\n)?(?:\/\/|\/\*)/.test(text));
    expect(bare.map(({ path }) => path)).to.deep.equal([]);
  });

  it('file names are in kebab case', () => {
    const odd = everything.filter(({ path }) => !/^(?:[a-z0-9]+[-./]?)+$/.test(path));
    expect(odd.map(({ path }) => path)).to.deep.equal([]);
  });

  it('no file holds a to-do, and no test is marked to run alone', () => {
    const words = /\b(?:TODO|FIXME|XXX|HACK)\b|\.only\(/;
    const left = everything.filter(
      ({ path, text }) => path !== 'test/tidy/sizes.test.ts' && words.test(text),
    );
    expect(left.map(({ path }) => path)).to.deep.equal([]);
  });

  it('no file names a place on somebody’s machine', () => {
    const left = everything.filter(({ text }) => /\/(?:home|root|Users)\/\w/.test(text));
    expect(left.map(({ path }) => path)).to.deep.equal([]);
  });

  it('no page names the host of a package registry', () => {
    const pages = files.filter((path) => path.endsWith('.md'));
    expect(pages).to.include('README.md').and.include('examples/express-sessions/README.md');
    const hosts = /\b(?:npmjs\.(?:com|org)|pypi\.org|crates\.io|deb\.debian\.org)\b/;
    expect(pages.filter((path) => hosts.test(fileText(path)))).to.deep.equal([]);
  });
});
