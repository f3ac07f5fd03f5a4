// The shell and the modules of the page agree: each id that a module looks for exists once.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

const browser = join(import.meta.dirname, '../../../src/http/page/browser');
const shell = readFileSync(join(browser, 'index.html'), 'utf8');
const modules = readdirSync(browser)
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(browser, name), 'utf8'));

describe('the shell of the page', () => {
  const ids = [...shell.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id);

  it('has every id once, and every id that modules look for', () => {
    expect(new Set(ids).size).to.equal(ids.length);
    const asked = modules.flatMap((text) => [
      ...[...text.matchAll(/byId\('([^']+)'/g)].map(([, id]) => id),
      ...[...text.matchAll(/'#([\w-]+) tbody'/g)].map(([, id]) => id),
    ]);
    expect(asked.length).to.be.above(25);
    expect(asked.filter((id) => !ids.includes(id))).to.deep.equal([]);
  });

  it('names every field, and has no script or style of its own', () => {
    const fields = [...shell.matchAll(/<(?:input|textarea|select)\b[^>]*\bid="([^"]+)"/g)];
    const labels = [...shell.matchAll(/<label for="([^"]+)"/g)].map(([, id]) => id);
    expect(fields.map(([, id]) => id).filter((id) => !labels.includes(id))).to.deep.equal([]);
    expect(shell).not.to.match(/<style|\bstyle=|\bon\w+="|<script(?![^>]*\bsrc=)/);
  });
});
