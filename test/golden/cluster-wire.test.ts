// The conversations of wire-golden and binary-golden.test.ts, with servers over etcd and over Redis. The replies there are
// those of the transcripts in test/golden/wire, except for the differences listed here.
//
// Tokens, sizes of records and cursors are the store's own, and are not compared. The same holds for the order of a listing
// and for what the store reports of itself in `stats` (kv_…).

import { expect } from 'chai';
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parseBinaryTranscript, playBinaryTranscript } from '../support/binary-transcript.js';
import { startClusterServer } from '../support/cluster-server.js';
import { PROJECT_DIR } from '../support/golden-file.js';
import { sharedStoreUrl } from '../support/shared-cluster.js';
import { parseTranscript, playTranscript } from '../support/wire-transcript.js';
import { removeFolder } from '../support/remove-folder.js';

const WIRE_DIR = join(PROJECT_DIR, 'test', 'golden', 'wire');

/** Transcripts about the bounds of a store: a cluster has its own, so their flags are refused. */
const OF_A_DIRECTORY = ['bounds.txt', 'eviction.txt'];
const NAMES = readdirSync(WIRE_DIR).filter((name) => !OF_A_DIRECTORY.includes(name));

/** The requests that are answered differently than by the log, and their answers. */
const DIFFERENCES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  // A flush for later is refused: all servers might be gone by its time.
  'changes.txt': { 'flush_all 100\\r\\n': ['< SERVER_ERROR not offered by this store\\r\\n'] },
  // Reads are not noted: that would be a write for each.
  'meta.txt': {
    'mg k s v t f c k Oopaque h l\\r\\n': [
      '< VA 2 s2 t-1 f0 c* kk Oopaque h0 l*\\r\\n',
      '< hi\\r\\n',
    ],
    'mg k h\\r\\n': ['< HD h0\\r\\n'],
    'mg read h\\r\\n': ['< HD h0 X W\\r\\n'],
  },
  'binary.hex': {
    // The transcript stores by the token that the log gives first; here the value stays as it was.
    '80 01 0001 08 00 0000 0000000a deadbeef 0000000000000001 | 0000000000000000 | 6b | 79 ; "k" "y"':
      [
        '< 81 01 0000 00 00 0002 00000014 deadbeef 0000000000000000 | 446174612065786973747320666f72206b65792e ; "Data exists for key."',
      ],
    ...Object.fromEntries(
      ['1d 0000', '1e 0000', '23 0001', '24 0001'].map((reply) => {
        const opcode = reply.slice(0, 2);
        const [size, key, shown] = reply.endsWith('1') ? ['a', ' | 6b', '"k" '] : ['9', '', ''];
        return [
          `80 ${opcode} 0001 04 00 0000 00000005 deadbeef 0000000000000000 | 00000064 | 6b ; "k"`,
          [
            `< 81 ${reply} 04 00 0000 0000000${size} deadbeef * | 00000007${key} | 76616c7565 ; ${shown}"value"`,
          ],
        ];
      }),
    ),
    '80 08 0000 04 00 0000 00000004 deadbeef 0000000000000000 | 00000064': [
      '< 81 08 0000 00 00 0083 0000000d deadbeef 0000000000000000 | 4e6f7420737570706f72746564 ; "Not supported"',
    ],
  },
};

interface Exchange {
  readonly sent: string;
  readonly replies: string[];
}

function exchangesOf(name: string, text: string): Exchange[] {
  const exchanges: Exchange[] = [];
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('> ')) exchanges.push({ sent: line.slice(2), replies: [] });
    else if (line.startsWith('< ') || line === '= closed') {
      if (!line.startsWith('< STAT kv_')) exchanges.at(-1)?.replies.push(masked(name, line));
    }
  }
  // Both engines count the items only once in a while.
  const compared = exchanges.filter(({ sent }) => !/^stats (?:items|slabs)\\r/.test(sent));
  for (const { sent, replies } of compared) {
    if (/^(?:keys|lru_crawler|stats cachedump)\b/.test(sent)) replies.sort();
  }
  return compared;
}

/** Hides what each store shows in its own way. */
function masked(name: string, line: string): string {
  if (name.endsWith('.hex')) {
    return line.replace(/^(< 81(?: \S+){7}) (?!0{16})[\da-f]{16}/, '$1 *');
  }
  const tokenAt = name.startsWith('plain-') ? 1 : 2;
  return line
    .replace(new RegExp(`^(< VALUE \\S+(?: \\d+){${tokenAt}}) \\d+(?=\\\\r)`), '$1 *')
    .replaceAll(/ c\d+/g, ' c*')
    .replaceAll(/\b(cas|size)=\d+/g, '$1=*')
    .replace(/CURSOR \d+/, 'CURSOR *')
    .replace(/\[\d+ b;/, '[* b;');
}

async function play(name: string, storeUrl: string, authFile: string): Promise<string> {
  const text = readFileSync(join(WIRE_DIR, name), 'utf8');
  const isText = name.endsWith('.txt');
  const { argv } = isText ? parseTranscript(text) : parseBinaryTranscript(text);
  const flags = argv.map((word) => (word === 'USERS' ? authFile : word));
  const server = await startClusterServer(storeUrl, flags);
  try {
    return isText
      ? await playTranscript(parseTranscript(text), server.port, authFile)
      : await playBinaryTranscript(parseBinaryTranscript(text), server.port);
  } finally {
    await server.stop();
  }
}

for (const engine of ['etcd', 'redis'] as const) {
  describe(`golden wire over ${engine} @long`, () => {
    const tempDir = mkdtempSync(join(tmpdir(), 'cairn-wire-'));
    const authFile = join(tempDir, 'users');
    writeFileSync(authFile, 'alice:secret\n');
    after(() => removeFolder(tempDir));

    for (const name of NAMES) {
      it(`the server answers as in wire/${name}, except for the listed differences`, async function () {
        const storeUrl = await sharedStoreUrl(this, engine);
        const played = exchangesOf(name, await play(name, storeUrl, authFile));
        const wanted = exchangesOf(name, readFileSync(join(WIRE_DIR, name), 'utf8'));
        expect(played.map(({ sent }) => sent)).to.deep.equal(wanted.map(({ sent }) => sent));
        const different = played.filter(
          ({ replies }, at) => replies.join('\n') !== wanted[at]!.replies.join('\n'),
        );
        const found = Object.fromEntries(different.map(({ sent, replies }) => [sent, replies]));
        expect(found).to.deep.equal(DIFFERENCES[name] ?? {});
      });
    }
  });
}
