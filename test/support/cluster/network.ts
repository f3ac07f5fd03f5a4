// A network of its own for a cluster: one namespace per place, all on one bridge. The bridge lies in a namespace too, so
// nothing of the machine's network is touched. Two places are parted by routes into a black hole, as a switch parts
// them: nobody gets a notice, and what is sent is lost.
//
// Invariant: the namespaces are removed by remove(), or when the process ends.

import { execFileSync } from 'node:child_process';

import { findProgram } from '../programs.js';
import type { Place } from './node.js';

const ADDRESSES = '10.213.8';

const built = new Set<Network>();
process.on('exit', () => {
  for (const network of built) network.remove();
});

function ip(...args: string[]): string {
  return execFileSync(findProgram('ip') ?? 'ip', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Returns what this machine lacks for a network; undefined when it has everything. */
export function networkNeeds(): string | undefined {
  if (process.getuid?.() !== 0) return 'root';
  if (findProgram('ip') === undefined) return 'iproute2';
  try {
    new Network(1).remove();
    return undefined;
  } catch (error) {
    return `the right to make network namespaces (${String(error).split('\n')[0]})`;
  }
}

export class Network {
  readonly places: readonly Place[];
  readonly #hub: string;
  readonly #names: readonly string[];
  readonly #cuts: (readonly [number, number])[] = [];

  /** Throws the error that ip(8) prints. */
  constructor(places: number) {
    this.#hub = `cairn-${process.pid}-hub`;
    this.#names = Array.from({ length: places }, (_, at) => `cairn-${process.pid}-${at}`);
    this.places = this.#names.map((name, at) => ({
      host: addressOf(at),
      inside: ['ip', 'netns', 'exec', name],
    }));
    built.add(this);
    try {
      ip('netns', 'add', this.#hub);
      ip('-n', this.#hub, 'link', 'add', 'bridge', 'type', 'bridge');
      ip('-n', this.#hub, 'link', 'set', 'bridge', 'up');
      for (const [at, name] of this.#names.entries()) this.#addPlace(name, at);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** Parts one place from the others. */
  cut(place: number, others: readonly number[]): void {
    for (const other of others) {
      for (const [here, there] of [
        [place, other],
        [other, place],
      ] as const) {
        ip('-n', this.#names[here]!, 'route', 'add', 'blackhole', `${addressOf(there)}/32`);
        this.#cuts.push([here, there]);
      }
    }
  }

  heal(): void {
    for (const [here, there] of this.#cuts.splice(0)) {
      ip('-n', this.#names[here]!, 'route', 'del', 'blackhole', `${addressOf(there)}/32`);
    }
  }

  /** Removes the namespaces; safe to call again. */
  remove(): void {
    built.delete(this);
    const mine = new Set([this.#hub, ...this.#names]);
    for (const line of ip('netns', 'list').split('\n')) {
      const name = line.split(' ')[0]!;
      if (mine.has(name)) ip('netns', 'del', name);
    }
  }

  #addPlace(name: string, at: number): void {
    const port = `port${at}`;
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', port, 'netns', this.#hub);
    ip('-n', this.#hub, 'link', 'set', port, 'master', 'bridge');
    ip('-n', this.#hub, 'link', 'set', port, 'up');
    ip('-n', name, 'address', 'add', `${addressOf(at)}/24`, 'dev', 'eth0');
    for (const device of ['lo', 'eth0']) ip('-n', name, 'link', 'set', device, 'up');
  }
}

function addressOf(place: number): string {
  return `${ADDRESSES}.${place + 1}`;
}
