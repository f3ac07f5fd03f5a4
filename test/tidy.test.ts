// The rules that the code keeps and that no linter knows: sizes, layers, who may touch the outside world,
// and that documents and code agree.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { expect } from 'chai';
import { ERROR_CODES } from '../src/errors.js';
import { LINE_READERS } from '../src/protocol/text/commands.js';
import { run } from './support/programs.js';

const root = join(import.meta.dirname, '../..');
const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;

interface Source {
  /** From the root: src/log/bytes/format.ts. */
  readonly path: string;
  readonly text: string;
}

function sourcesIn(folder: string): Source[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => ({
      path: join(folder, name),
      text: readFileSync(join(root, folder, name), 'utf8'),
    }));
}

const engine = sourcesIn('src');
const everything = [...engine, ...['tools', 'test', 'benchmarks'].flatMap(sourcesIn)];

/** Code without comments; strings stay, because imports are strings. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '');
}

/** The files that a file needs when it runs, from the root; packages and mere types are left out. */
function importsOf({ path, text }: Source): string[] {
  const found = withoutComments(text).matchAll(
    /(?:(?:import|export)(?! type)[^;']*from|import)\s*\(?\s*'(\.[^']+)'/g,
  );
  return [...found].map(([, target = '']) =>
    normalize(join(path, '..', target)).replace(/\.js$/, '.ts'),
  );
}

/** Length and name of every function and method, by the indentation that prettier gives. */
function functionsOf(text: string): { name: string; lines: number }[] {
  const lines = text.split('\n');
  return lines.flatMap((line, start) => {
    const opens =
      /^( *)(?:export |default |async |static |get |set |private |protected |override |function\*? )*([\w#$]+).*(?:\)|=>|[\w>\]|}]) \{$/.exec(
        line,
      );
    const indent = opens?.[1];
    const isFunction = opens !== null && /\) (?::.*)?\{$|\): .*\{$|=> \{$/.test(line);
    if (!isFunction || /^ *(?:if|for|while|switch|class|describe|else|try|catch)\b/.test(line))
      return [];
    const end = lines.findIndex((each, at) => at > start && each.startsWith(`${indent}}`));
    return end < 0 ? [] : [{ name: opens[2] ?? '', lines: end - start + 1 }];
  });
}

const LAYERS = ['env', 'log', 'store', 'server'] as const;
const OUTERMOST = LAYERS.length;
/** What every layer may use; these import nothing but each other. */
const SHARED = [
  'assert.ts',
  'defaults.ts',
  'errors.ts',
  'limits.ts',
  'password-digest.ts',
  'printable.ts',
];

/** How far out a file of src lies: env 0, log 1, …; shared ones −1; main 4. */
function layerOf(path: string): number {
  const [, folder = ''] = path.split('/');
  if (folder === 'protocol') return -1;
  const layer = (LAYERS as readonly string[]).indexOf(folder);
  if (layer >= 0) return layer;
  const isShared = SHARED.includes(folder);
  return isShared ? -1 : OUTERMOST;
}

describe('tidy', () => {
  it('there are sources to look at', () => {
    expect(engine.length).to.be.above(50);
  });

  it('files are at most 400 lines long', () => {
    const long = everything
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > FILE_LINES_MAX);
    expect(long).to.deep.equal([]);
  });

  it('functions are at most 70 lines long', () => {
    const long = everything
      .filter(({ path }) => !path.startsWith('test'))
      .flatMap(({ path, text }) => functionsOf(text).map((each) => ({ path, ...each })))
      .filter(({ lines }) => lines > FUNCTION_LINES_MAX);
    expect(long).to.deep.equal([]);
    // The measure sees functions at all.
    expect(everything.flatMap(({ text }) => functionsOf(text)).length).to.be.above(500);
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

  it('nothing is left to do, and no test runs alone', () => {
    const words = /\b(?:TODO|FIXME|XXX|HACK)\b|\.only\(/;
    const left = everything.filter(
      ({ path, text }) => path !== 'test/tidy.test.ts' && words.test(text),
    );
    expect(left.map(({ path }) => path)).to.deep.equal([]);
  });

  it('no file names a place on somebody’s machine', () => {
    const left = everything.filter(({ text }) => /\/(?:home|root|Users)\/\w/.test(text));
    expect(left.map(({ path }) => path)).to.deep.equal([]);
  });
});

describe('layers', () => {
  it('imports go one way: env, log, store, server, main', () => {
    const wrong = engine.flatMap((source) =>
      importsOf(source)
        .filter((target) => layerOf(target) > layerOf(source.path))
        .map((target) => `${source.path} imports ${target}`),
    );
    expect(wrong).to.deep.equal([]);
  });

  it('protocol imports nothing but itself, limits, assert and errors', () => {
    const wrong = engine
      .filter(({ path }) => path.startsWith('src/protocol/'))
      .flatMap((source) => importsOf(source).map((target) => `${source.path} imports ${target}`))
      .filter((line) => !/ src\/(?:protocol\/.*|limits|assert|errors)\.ts$/.test(line));
    expect(wrong).to.deep.equal([]);
  });

  it('tools never import the server, nothing imports tools or tests', () => {
    const wrong = [...sourcesIn('tools'), ...engine].flatMap((source) =>
      importsOf(source)
        .filter((target) => {
          if (target.startsWith('test/')) return true;
          return source.path.startsWith('src/')
            ? target.startsWith('tools/')
            : target.startsWith('src/server/');
        })
        .map((target) => `${source.path} imports ${target}`),
    );
    expect(wrong).to.deep.equal([]);
  });

  it('there are no cycles', () => {
    const graph = new Map(everything.map((source) => [source.path, importsOf(source)]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
        return;
      }
      if (done.has(path)) return;
      for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
      done.add(path);
    };
    for (const path of graph.keys()) visit(path, []);
    expect(cycles).to.deep.equal([]);
  });

  it('only src/env touches the file system, timers, the clock and chance', () => {
    const outside =
      /from 'node:(?:fs|fs\/promises|timers|timers\/promises)'|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bset(?:Timeout|Interval|Immediate)\(/;
    const inside = ['src/env/', 'src/log/', 'src/store/', 'src/protocol/'];
    const wrong = engine.filter(
      ({ path, text }) =>
        inside.some((folder) => path.startsWith(folder)) &&
        !path.startsWith('src/env/') &&
        outside.test(withoutComments(text)),
    );
    expect(wrong.map(({ path }) => path)).to.deep.equal([]);
  });
});

/** `8 * 1024` as a number; not a number when it is another expression. */
function product(expression: string): number {
  return expression.split('*').reduce((all, each) => all * Number(each.replaceAll('_', '')), 1);
}

/** A document that must exist. */
function documentText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

describe('documents agree with the code', () => {
  it('docs/errors.md names every KvError code and no other', () => {
    const named = new Set(documentText('docs/errors.md').match(/\bKV_[A-Z_]+\b/g));
    expect([...named].toSorted()).to.deep.equal([...ERROR_CODES].toSorted());
  });

  it('README.md names every flag of kv-server --help', async () => {
    const server = join(root, 'dist/tools/kv-server.js');
    const { stdout, code } = await run(process.execPath, [server, '--help']);
    expect(code).to.equal(0);
    const flags = new Set(stdout.match(/(?<![\w-])--[a-z][a-z-]+/g));
    expect(flags.size).to.be.above(30);
    const readme = documentText('README.md');
    expect([...flags].filter((flag) => !readme.includes(flag))).to.deep.equal([]);
  });

  it('docs/format.md has every size and magic of src/log/bytes/format.ts', () => {
    const format = documentText('src/log/bytes/format.ts');
    const constants = [...format.matchAll(/^export const ([A-Z][A-Z0-9_]+) = ([^;{]+);$/gm)];
    expect(constants.length).to.be.above(3);
    const page = documentText('docs/format.md').replaceAll(',', '');
    const missing = constants.filter(([, name = '', value = '']) => {
      const shown = [name, value.replaceAll(/['_]/g, ''), String(product(value))];
      return !shown.some((text) => page.includes(text));
    });
    expect(missing.map(([, name]) => name)).to.deep.equal([]);
  });

  it('docs/protocol.md names every text and meta command', () => {
    const page = documentText('docs/protocol.md');
    const storage = ['set', 'add', 'replace', 'append', 'prepend', 'cas'];
    const others = ['get', 'gets', 'gat', 'gats', 'mg', 'ms', 'md', 'ma', 'me', 'mn'];
    const commands = [...storage, ...others, ...LINE_READERS.keys()];
    expect(commands.length).to.be.above(30);
    const missing = commands.filter((name) => !new RegExp(`\`${name}\\b`).test(page));
    expect(missing).to.deep.equal([]);
  });
});
