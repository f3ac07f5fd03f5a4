// Checks that the exit codes of every program agree: in its --help, in docs/tools.md, in docs/errors.md and in its code.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { parseHelp } from '../../tools/pages/help-text.js';
import { runTool } from '../support/tool-run.js';
import { everything, fileText, root } from './sources.js';

const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  bin: Record<string, string>;
};
const TOOLS = Object.keys(bin).filter((name) => !['cairn-kv', 'kv-server'].includes(name));
const NAMES = new Map<number, string>(Object.entries(EXIT).map(([name, code]) => [code, name]));

/** Codes that begin an entry of a list: `Exit codes: 0 fine, 64 wrong use`. */
function codesOf(list: string): number[] {
  const codes = list.replaceAll(/\s+/g, ' ').matchAll(/(?<=[:,;] )\d+(?= [a-zI`])/g);
  return [...new Set([...codes].map(([code]) => Number(code)))].toSorted((a, b) => a - b);
}

/** Man pages have the remark, too. */
async function codesOfHelp(tool: string): Promise<number[]> {
  const { stdout } = await runTool(tool, ['--help']);
  const { remarks } = parseHelp(stdout.toString());
  const lists = remarks.filter((remark) => remark.startsWith('Exit codes: '));
  expect(lists, `${tool} --help`).to.have.length(1);
  return codesOf(lists[0]!);
}

/** Reads the table of exit codes in the chapter of a tool. */
function codesOfPage(tool: string): number[] {
  const chapter = fileText('docs/tools.md').split(`\n## ${tool}\n`)[1]?.split('\n## ')[0] ?? '';
  const tables = chapter.match(/^\| exit code .*\n(?:\|.*\n)+/gm) ?? [];
  expect(tables, `docs/tools.md, ${tool}`).to.have.length(1);
  return [...tables[0]!.matchAll(/^\| (\d+) /gm)].map(([, code]) => Number(code));
}

/** Returns the codes that the sources of a tool name, but for that of a bug. */
function codesOfSources(tool: string): number[] {
  const folder = `tools/${tool.replace('kv-', '')}/`;
  const named = everything
    .filter(({ path }) => path.startsWith(folder))
    .flatMap(({ text }) => [...text.matchAll(/\bEXIT\.(\w+)/g)].map(([, name = '']) => name));
  const codes = new Set(named.filter((name) => name !== 'bug'));
  return [...codes].map((name) => EXIT[name as keyof typeof EXIT]);
}

/** Code → the tool to which docs/errors.md gives it alone. */
function owners(): [number, string][] {
  const rows = fileText('docs/errors.md').matchAll(/^\| (\d+) +\| `\w+` +\| (kv-[a-z]+): /gm);
  return [...rows].map(([, code, tool = '']) => [Number(code), tool]);
}

describe('exit codes', () => {
  for (const tool of TOOLS) {
    it(`${tool}: --help, docs/tools.md, docs/errors.md and the sources agree`, async () => {
      const said = await codesOfHelp(tool);
      expect(said).to.deep.equal(codesOfPage(tool));
      expect(said).to.include.members([EXIT.ok, EXIT.usage, EXIT.io, EXIT.noPermission]);
      expect(said.filter((code) => !NAMES.has(code))).to.deep.equal([]);
      expect(codesOfSources(tool).filter((code) => !said.includes(code))).to.deep.equal([]);
      const foreign = owners().filter(([code, owner]) => said.includes(code) && owner !== tool);
      expect(foreign).to.deep.equal([]);
    });
  }

  it('docs/errors.md gives codes to one tool alone, which has them', async () => {
    expect(owners().map(([code]) => code)).to.deep.equal([EXIT.notFound, EXIT.mendable]);
    for (const [code, tool] of owners()) expect(await codesOfHelp(tool)).to.include(code);
  });

  it('kv-server: --help has what docs/errors.md tells a supervisor, and an orderly stop', async () => {
    const page = fileText('docs/errors.md').replaceAll(/\s+/g, ' ');
    const advice = /For a supervisor: (.*? may pass)/.exec(page)?.[1] ?? '';
    const codes = [...advice.matchAll(/\d+/g)].map(([code]) => Number(code));
    expect(await codesOfHelp('kv-server')).to.deep.equal(
      [EXIT.ok, ...codes].toSorted((a, b) => a - b),
    );
  });
});
