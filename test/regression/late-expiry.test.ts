// An expiry after January 2038 does not fit 31 bits: the binary protocol took it as negative, answered success, and the
// item was gone. The test tries every command that takes an exptime, in all three protocols.

import { expect } from 'chai';

import { exchange } from '../differential/exchange.js';
import { arithmeticExtras, exptimeExtras, packet, setExtras } from '../support/binary-packets.js';
import { startDurableServer } from '../support/durable-server.js';

const EXPTIMES = [2 ** 31, 4_102_444_800, 2 ** 32 - 2];
/** Returns the request for an exptime. */
type Sent = (exptime: number) => string | Buffer;

const MISSING: Readonly<Record<string, Sent>> = {
  set: (t) => `set k 0 ${t} 1\r\nx\r\n`,
  add: (t) => `add k 0 ${t} 1\r\nx\r\n`,
  'ms T': (t) => `ms k 1 T${t}\r\nx\r\n`,
  'ms MA N': (t) => `ms k 1 MA N${t}\r\nx\r\n`,
  'ms MP N': (t) => `ms k 1 MP N${t}\r\nx\r\n`,
  'mg N': (t) => `mg k N${t}\r\n`,
  'ma N': (t) => `ma k N${t}\r\n`,
  ...binary([0x01, 0x11, 0x02, 0x12], (t) => ({ extras: setExtras(0, t), value: 'x' })),
  ...binary([0x05, 0x15, 0x06, 0x16], (t) => ({ extras: arithmeticExtras(1n, 7n, t) })),
};
const HELD: Readonly<Record<string, Sent>> = {
  replace: (t) => `replace k 0 ${t} 1\r\nx\r\n`,
  touch: (t) => `touch k ${t}\r\n`,
  gat: (t) => `gat ${t} k\r\n`,
  gats: (t) => `gats ${t} k\r\n`,
  'mg T': (t) => `mg k T${t}\r\n`,
  'md I T': (t) => `md k I T${t}\r\n`,
  'ma T': (t) => `ma k T${t}\r\n`,
  cas: (t) => `ms k 1 E7\r\n1\r\ncas k 0 ${t} 1 7\r\nx\r\n`,
  ...binary([0x03, 0x13], (t) => ({ extras: setExtras(0, t), value: 'x' })),
  ...binary([0x1c, 0x1d, 0x1e, 0x23, 0x24], (t) => ({ extras: exptimeExtras(t) })),
};
const FLUSHES: Readonly<Record<string, Sent>> = {
  flush_all: (t) => `flush_all ${t}\r\n`,
  'binary 0x8': (t) => packet(0x08, { extras: exptimeExtras(t) }),
  'binary 0x18': (t) => packet(0x18, { extras: exptimeExtras(t) }),
};

function binary(
  opcodes: readonly number[],
  fields: (exptime: number) => Parameters<typeof packet>[1],
): Record<string, Sent> {
  return Object.fromEntries(
    opcodes.map((opcode) => [
      `binary 0x${opcode.toString(16)}`,
      (t) => packet(opcode, { key: 'k', ...fields(t) }),
    ]),
  );
}

describe('An expiry after January 2038', () => {
  let server: Awaited<ReturnType<typeof startDurableServer>>;
  before(async () => (server = await startDurableServer([])));
  after(() => server.stop());

  const ask = async (sent: string | Buffer): Promise<string> =>
    (
      await exchange(server.port, typeof sent === 'string' ? Buffer.from(sent, 'latin1') : sent)
    ).toString('latin1');

  const cases = [
    ...Object.entries(MISSING).map(([title, sent]) => [title, sent, 'delete k\r\n'] as const),
    ...Object.entries(HELD).map(([title, sent]) => [title, sent, 'set k 0 0 1\r\n1\r\n'] as const),
  ];
  for (const [title, sent, prepared] of cases) {
    it(`becomes the expiry of the item after ${title}`, async () => {
      for (const exptime of EXPTIMES) {
        await ask(prepared);
        const reply = await ask(sent(exptime));
        const ttl = /^HD t(\d+)/.exec(await ask('mg k t u\r\n'))?.[1];
        const expected = exptime - Date.now() / 1000;
        expect(Number(ttl), `${exptime}: ${reply}`).to.be.closeTo(expected, 60);
      }
    });
  }

  for (const [title, sent] of Object.entries(FLUSHES)) {
    it(`is far in the future for ${title}`, async () => {
      for (const exptime of EXPTIMES) {
        await ask('set k 0 0 1\r\n1\r\n');
        await ask(sent(exptime));
        expect(await ask('mg k\r\n'), `${exptime}`).to.equal('HD\r\n');
      }
    });
  }
});
