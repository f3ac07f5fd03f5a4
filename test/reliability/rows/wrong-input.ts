// Wrong input: impossible numbers and lengths, lines and keys that are too long, and bytes of no protocol of ours. A wrong
// request is answered as memcached answers it, wherever the bytes are cut, and the next request on the same connection is
// understood. Noise ends at most its own connection.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

import * as fc from 'fast-check';

import { LINE_BYTES_MAX } from '../../../src/limits.js';
import { SeededRandom } from '../../../tools/torture/seeded-random.js';
import type { ServerProcess } from '../../../tools/torture/server-process.js';
import { converse, notServed } from '../../fuzz/conversation.js';
import { garbage as noise, mutated, pieces } from '../../fuzz/streams.js';
import { packet, responses, setExtras } from '../../support/binary-packets.js';
import { REFUSED_LINES } from '../../support/refused-lines.js';
import { withServer } from '../life.js';
import { megabytes, memoryBytes } from '../machine.js';
import type { Budget, FaultRow, Tried } from '../row.js';

/** Lengths of gigabytes are announced all the time; the memory that the server needs anyway is below this limit. */
const GROWTH_BYTES_MAX = 128 * 1024 * 1024;
const AT_ONCE = 16;

interface Wrong {
  readonly bytes: Buffer;
  /** Returns what is wrong with everything that came back; undefined when it is right. */
  readonly judge: (reply: string) => string | undefined;
}

export const badNumbers: FaultRow = {
  name: 'bad-numbers',
  fault:
    'Oversized keys, values and lines, bad numbers, negative and huge lengths, missing line ends, in text, meta and binary',
  required:
    "The reply is memcached's, wherever the bytes are cut; the next request is understood, or the connection closed",
  injection: 'a real connection for every input and cut',
  try: (budget) =>
    withServer(['--dialect', 'memcached'], ({ server }) =>
      tryAll(server, cutsOf(WRONG_INPUTS, budget)),
    ),
};

const NOOP = packet(0x0a, { opaque: 99 });

/** The inputs that the parser answers without the store, each followed by a request that must be understood. */
const TEXT_INPUTS: readonly Wrong[] = REFUSED_LINES.flatMap(([sent, expected]) => {
  const said = expected
    .replaceAll('<noop>', 'MN\r\n')
    .replaceAll(/<oversized-put \w+>/g, 'SERVER_ERROR object too large for cache\r\n');
  if (/<\w/.test(said)) return [];
  const closes = said === '[closed]';
  const reply = closes ? '' : `${said}MN\r\n`;
  // A line this long ends the connection when its end comes later.
  const mayClose = sent.indexOf('\n') > LINE_BYTES_MAX;
  return {
    bytes: Buffer.from(closes ? sent : `${sent}mn\r\n`, 'latin1'),
    judge: (got) =>
      got === reply || (mayClose && got === '') ? undefined : `answered ${JSON.stringify(got)}`,
  };
});

const extras = setExtras(0, 0);
const BINARY_INPUTS: readonly Wrong[] = [
  packet(0x01, { key: 'k', value: 'v', extras, bodyBytes: 0 }),
  packet(0x01, { key: 'k', value: 'v', extras, bodyBytes: 0xffffffff }),
  packet(0x01, { key: 'k', value: 'v', extras, bodyBytes: 0x7fffffff }),
  packet(0x01, { key: 'k', value: 'v', extras, keyBytes: 0xffff }),
  packet(0x01, { key: 'k', value: 'v', extras, extrasBytes: 255 }),
  packet(0x01, { key: 'k', value: 'v' }),
  packet(0x01, { value: 'v', extras }),
  packet(0x01, { key: 'k'.repeat(251), value: 'v', extras }),
  packet(0x00, {}),
  packet(0x00, { key: 'k', value: 'body' }),
  packet(0x00, { key: 'k', extras }),
  packet(0x04, { key: 'k', bodyBytes: 0 }),
  packet(0x05, { key: 'k', extras }),
  packet(0x1c, { key: 'k' }),
  packet(0x99, { bodyBytes: 40 }),
  packet(0x21, { key: 'x'.repeat(300), value: 'y' }),
].map((bytes) => ({ bytes: Buffer.concat([bytes, NOOP]), judge: judgePackets }));

const WRONG_INPUTS: readonly Wrong[] = [...TEXT_INPUTS, ...BINARY_INPUTS];

/** Expects a refusal, and then the answer to the request behind it or the end of the connection. */
function judgePackets(reply: string): string | undefined {
  const [first, ...rest] = responses(Buffer.from(reply, 'latin1'));
  if (first !== undefined && first.status === 0 && first.opaque !== 99) return 'it was taken';
  if (rest.some(({ opaque }) => opaque !== 99)) return 'the request behind it was not understood';
  return undefined;
}

interface Cut extends Wrong {
  readonly at: number;
}

/** Returns every cut of a short input; of a long one, the cuts at its ends and some random ones. */
function cutsOf(inputs: readonly Wrong[], { tier, seed }: Budget): Cut[] {
  const random = new SeededRandom(seed);
  const everyBytesMax = tier === 'fast' ? 64 : 4000;
  const some = tier === 'fast' ? 8 : 60;
  return inputs.flatMap((input) => {
    const { length } = input.bytes;
    const all = Array.from({ length }, (_, at) => at);
    if (length <= everyBytesMax) return all.map((at) => ({ ...input, at }));
    const ends = [...all.slice(0, 24), ...all.slice(-24)];
    const between = Array.from({ length: some }, () => random.between(1, length - 1));
    return [...ends, ...between].map((at) => ({ ...input, at }));
  });
}

async function tryAll(server: ServerProcess, cuts: readonly Cut[]): Promise<Tried> {
  const before = memoryBytes(server.pid, 'VmRSS');
  const failures: string[] = [];
  const next = cuts.values();
  const work = async (): Promise<void> => {
    for (const { bytes, at, judge } of next) {
      const reply = await converse(server.port, pieces(bytes, at === 0 ? [] : [at]));
      const wrong = judge(reply);
      const sent = JSON.stringify(bytes.toString('latin1', 0, 60));
      if (wrong !== undefined) failures.push(`${sent} cut at ${at}: ${wrong}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return verdict(server, before, { tried: cuts.length, failures });
}

async function verdict(
  server: ServerProcess,
  before: number,
  { tried, failures }: Omit<Tried, 'figure'>,
  figure = '',
): Promise<Tried> {
  const grown = memoryBytes(server.pid, 'VmHWM') - before;
  const more = await notServed(server.port);
  if (grown > GROWTH_BYTES_MAX) more.push(`memory grew by ${megabytes(grown)}`);
  return {
    tried,
    failures: [...failures, ...more],
    figure: `${figure}all later clients served; memory grew by at most ${megabytes(grown)}`,
  };
}

export const garbage: FaultRow = {
  name: 'garbage',
  fault: 'Bytes that are no request: noise, spoilt sessions, HTTP, TLS, SSH, Redis, binary headers',
  required:
    'The answer is ERROR or the end of that connection; the server neither ends nor hangs, and serves the next client; there is no UDP',
  injection: 'seeded fuzz of real connections',
  try: (budget) => withServer([], ({ server }) => tryGarbage(server, budget)),
};

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** The first bytes of other protocols. A line of theirs is answered with an error at most. */
const STRANGERS: readonly Buffer[] = [
  latin1('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  latin1('POST /a HTTP/1.1\r\nContent-Length: 20\r\n\r\nset k 0 0 1\r\nx\r\n'),
  latin1('OPTIONS * HTTP/1.1\r\n\r\n'),
  latin1('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  latin1('SSH-2.0-OpenSSH_9.2\r\n'),
  latin1('*1\r\n$4\r\nPING\r\n'),
  latin1('EHLO example.org\r\n'),
  latin1('\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0'),
  Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(501, 0xa5)]),
  Buffer.alloc(5000),
  Buffer.alloc(5000, 0xff),
  Buffer.alloc(5000, 0x80),
  Buffer.alloc(5000, 0x0a),
];

async function tryGarbage(server: ServerProcess, { tier, seed }: Budget): Promise<Tried> {
  const before = memoryBytes(server.pid, 'VmRSS');
  const failures: string[] = [];
  for (const bytes of STRANGERS) {
    const reply = await converse(server.port, [bytes]);
    const lines = reply.split('\r\n').filter((line) => line !== '');
    const errors = lines.every((line) => /^(CLIENT_)?ERROR/.test(line));
    if (!errors && reply.charCodeAt(0) !== 0x81)
      failures.push(`${JSON.stringify(bytes.toString('latin1', 0, 40))} was answered ${reply}`);
  }
  const streams = streamsOf(seed, tier === 'fast' ? 2000 : 100_000);
  for (let from = 0; from < streams.length; from += AT_ONCE) {
    const lot = streams.slice(from, from + AT_ONCE);
    await Promise.all(lot.map((chunks) => converse(server.port, chunks)));
    const wrong = from % (8 * AT_ONCE) === 0 ? await notServed(server.port) : [];
    failures.push(...wrong.map((line) => `after ${from} streams: ${line}`));
  }
  if (listensOnUdp(server.pid)) failures.push('it has a UDP socket');
  const tried = STRANGERS.length + streams.length;
  return verdict(server, before, { tried, failures }, 'no UDP socket; ');
}

/** Returns noise and spoilt sessions, cut anywhere. */
function streamsOf(seed: number, count: number): Buffer[][] {
  const stream = fc.tuple(
    fc.oneof(noise, mutated, mutated, mutated),
    fc.array(fc.nat(4000), { maxLength: 8 }),
  );
  return fc.sample(stream, { seed, numRuns: count }).map(([bytes, cuts]) => pieces(bytes, cuts));
}

function listensOnUdp(pid: number): boolean {
  const inodes = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
    } catch {
      // The descriptor was closed between the two looks.
      return undefined;
    }
  });
  const udp = ['udp', 'udp6'].map((name) => readFileSync(`/proc/${pid}/net/${name}`, 'latin1'));
  const columns = udp.flatMap((text) =>
    text.split('\n').map((line) => line.trim().split(/\s+/)[9]),
  );
  return inodes.some((inode) => inode !== undefined && columns.includes(inode));
}
