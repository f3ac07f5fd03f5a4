// The imports between rooms: only allowed ones, no cycles, and one side of the process for the outside world. A type-only
// import is an import.

import { expect } from 'chai';
import { ROOMS, mayImport, roomOf } from './rooms.js';
import { engine, everything, tools, withoutComments } from './sources.js';

/** Returns the groups of files that reach each other (Tarjan's strongly connected components), each sorted. */
function knotsOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const knots: string[][] = [];
  const visit = (path: string): number => {
    const own = order.size;
    order.set(path, own);
    lowest.set(path, own);
    stack.push(path);
    for (const target of graph.get(path) ?? []) {
      const reached = order.has(target)
        ? stack.includes(target)
          ? order.get(target)
          : undefined
        : visit(target);
      lowest.set(path, Math.min(lowest.get(path) ?? own, reached ?? own));
    }
    const low = lowest.get(path) ?? own;
    if (low === own) {
      const knot = stack.splice(stack.indexOf(path));
      if (knot.length > 1) knots.push(knot.toSorted());
    }
    return low;
  };
  for (const path of graph.keys()) if (!order.has(path)) visit(path);
  return knots;
}

describe('rooms', () => {
  it('every file of src is in a room, and every room has files', () => {
    const homeless = engine.filter(({ path }) => roomOf(path) === undefined);
    expect(homeless.map(({ path }) => path)).to.deep.equal([]);
    const lived = new Set(engine.map(({ path }) => roomOf(path)));
    expect(ROOMS.filter((room) => !lived.has(room))).to.deep.equal([]);
  });

  it('a room may import only rooms above it in the table', () => {
    const names = ROOMS.map(({ name }) => name);
    const wrong = ROOMS.flatMap(({ name, may = [] }) =>
      may
        .filter((other) => !names.slice(0, names.indexOf(name)).includes(other))
        .map((other) => `${name} imports ${other}`),
    );
    expect(wrong).to.deep.equal([]);
  });

  it('files import only what their room may', () => {
    const wrong = engine.flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => {
          const [from, to] = [roomOf(path), roomOf(target)];
          return from === undefined || to === undefined || !mayImport(from, to);
        })
        .map(({ target }) => `${path} imports ${target}`),
    );
    expect(wrong).to.deep.equal([]);
    expect(engine.flatMap(({ imports }) => imports).length).to.be.above(900);
  });

  it('some file of a room imports each room that the room may import', () => {
    const arrows = new Set(
      engine.flatMap(({ path, imports }) =>
        imports.map(({ target }) => `${roomOf(path)?.name} → ${roomOf(target)?.name}`),
      ),
    );
    const idle = ROOMS.flatMap(({ name, may = [] }) => may.map((other) => `${name} → ${other}`));
    expect(idle.filter((arrow) => !arrows.has(arrow))).to.deep.equal([]);
  });

  it('protocol imports nothing but itself, limits, copies of bytes, assert and errors', () => {
    const wrong = engine
      .filter(({ path }) => path.startsWith('src/protocol/'))
      .flatMap(({ path, imports }) => imports.map(({ target }) => `${path} imports ${target}`))
      .filter((line) => !/ src\/(?:protocol\/.*|limits|copy-bytes|assert|errors)\.ts$/.test(line));
    expect(wrong).to.deep.equal([]);
  });

  it('tools never import the server, nothing imports tools or tests', () => {
    const wrong = [...tools, ...engine].flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => {
          if (target.startsWith('test/')) return true;
          return target.startsWith(path.startsWith('src/') ? 'tools/' : 'src/server/');
        })
        .map(({ target }) => `${path} imports ${target}`),
    );
    expect(wrong).to.deep.equal([]);
  });

  it('there are no cycles, not even of types', () => {
    const graph = new Map(
      everything.map(({ path, imports }) => [path, imports.map(({ target }) => target)]),
    );
    expect(knotsOf(graph)).to.deep.equal([]);
    const knot = new Map([
      ['a', ['b']],
      ['b', ['c', 'd']],
      ['c', ['a']],
      ['d', []],
    ]);
    expect(knotsOf(knot)).to.deep.equal([['a', 'b', 'c']]);
  });

  it('only src/env uses the file system, timers, the clock and random numbers', () => {
    const outside =
      /from 'node:(?:fs|fs\/promises|timers|timers\/promises)'|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bset(?:Timeout|Interval|Immediate)\(/;
    const inside = ['src/log/', 'src/store/', 'src/protocol/'];
    const wrong = engine.filter(
      ({ path, text }) =>
        inside.some((folder) => path.startsWith(folder)) && outside.test(withoutComments(text)),
    );
    expect(wrong.map(({ path }) => path)).to.deep.equal([]);
  });
});
