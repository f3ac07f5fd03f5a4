// Random and mutated bytes against a real server process, cut at random places: it neither ends nor hangs,
// its memory stays bounded, and whoever connects next is served in all three protocols. What the bytes mean
// is no matter here; test/unit/protocol/splits.test.ts compares that.

import { readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { packet, setExtras } from '../support/binary-packets.js';
import { seeded } from '../support/seed.js';
import { ServerProcess } from '../support/server-process.js';
import { cairnLaunch, temporaryFolder } from '../support/servers.js';
import { garbage, mutated, pieces, WELL_FORMED } from './streams.js';

const SILENCE_MS = 10_000;
const AT_ONCE = 8;
const ROUNDS = 375;
/** Above what the server needs to begin with; bodies of 2 GB are announced all the time. */
const GROWTH_BYTES_MAX = 256 * 1024 * 1024;

/** Sends the pieces one a turn, then closes; everything that came back. Rejects when the server hangs. */
function converse(port: number, chunks: readonly Buffer[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = '';
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    socket.setTimeout(SILENCE_MS, () => {
      socket.destroy();
      reject(new Error('The server neither answers nor closes'));
    });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => (reply += text));
    // A server that closed before it read everything resets; a refused connection shows as a wrong reply.
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.destroy());
    socket.on('close', () => resolve(reply));
    let next = 0;
    const step = (): void => {
      const chunk = chunks[next++];
      if (chunk === undefined) socket.end();
      else if (!socket.destroyed) socket.write(chunk, () => setImmediate(step));
    };
    socket.on('connect', step);
  });
}

/** Peak resident memory of a process, in bytes. */
function peakBytes(pid: number): number {
  const line = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(line?.[1]) * 1024;
}

describe('fuzz: three parsers behind a real connection', function () {
  this.timeout(60_000);
  let dir: string;
  let server: ServerProcess;
  let ended = false;

  before(async () => {
    dir = temporaryFolder();
    server = await ServerProcess.start(cairnLaunch(dir, ['-I', '1g']));
    void server.exited.then(() => (ended = true));
  });
  after(async () => {
    await server?.kill();
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
  });

  /** A new connection for each protocol; each stores and reads back. */
  async function expectServed(): Promise<void> {
    const extras = setExtras(0, 0);
    const binary = [
      packet(0x01, { key: 'fz', value: 'three', extras }),
      packet(0x0c, { key: 'fz' }),
    ];
    const [text, meta, packets] = [
      await converse(server.port, [Buffer.from('set fz 0 0 3\r\none\r\nget fz\r\n')]),
      await converse(server.port, [Buffer.from('ms fz 3\r\ntwo\r\nmg fz v\r\n')]),
      await converse(server.port, binary),
    ];
    expect(text).to.equal('STORED\r\nVALUE fz 0 3\r\none\r\nEND\r\n');
    expect(meta).to.equal('HD\r\nVA 3\r\ntwo\r\n');
    expect(packets.slice(-'fzthree'.length)).to.equal('fzthree');
    expect(ended, server.output).to.equal(false);
  }

  const stream = fc.tuple(
    fc.oneof(garbage, mutated, mutated, mutated),
    fc.array(fc.nat(4000), { maxLength: 8 }),
  );
  const round = fc.array(stream, { minLength: AT_ONCE, maxLength: AT_ONCE });

  it(`${ROUNDS * AT_ONCE} streams: no end, no hang, bounded memory, and the next client is served`, async () => {
    const before = peakBytes(server.pid);
    const attack = async (streams: readonly (readonly [Buffer, number[]])[]): Promise<void> => {
      await Promise.all(streams.map(([bytes, cuts]) => converse(server.port, pieces(bytes, cuts))));
      await expectServed();
    };
    const { seed } = seeded(`fuzz, ${AT_ONCE} streams a run`, ROUNDS);
    await fc.assert(fc.asyncProperty(round, attack), { seed, numRuns: ROUNDS, endOnFailure: true });
    const grownBytes = peakBytes(server.pid) - before;
    expect(grownBytes, 'growth of peak memory').to.be.below(GROWTH_BYTES_MAX);
  });

  it('every split of a well-formed stream gives the same replies', async () => {
    let cases = 0;
    for (const bytes of WELL_FORMED) {
      const whole = await converse(server.port, [bytes]);
      expect(whole).not.to.equal('');
      for (let at = 1; at < bytes.length; at++) {
        const reply = await converse(server.port, [bytes.subarray(0, at), bytes.subarray(at)]);
        expect(reply, `cut at ${at} of ${bytes.toString('latin1')}`).to.equal(whole);
        cases += 1;
      }
    }
    console.log(`      every split: ${cases} cases`);
  });
});
