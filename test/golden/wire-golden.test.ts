// Conversations with a real server over a real disk, against the transcripts in test/golden/wire: every text and meta
// command, and every error that a client can get. GOLDEN_UPDATE=1 writes the replies.

import { expect } from 'chai';
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ERROR_NAMES, formOfError } from '../../src/protocol/errors.js';
import { LINE_READERS } from '../../src/protocol/text/commands.js';
import { startDurableServer } from '../support/durable-server.js';
import { PROJECT_DIR, golden } from '../support/golden-file.js';
import { parseTranscript, playTranscript } from '../support/wire-transcript.js';
import { removeFolder } from '../support/remove-folder.js';

const WIRE_DIR = join(PROJECT_DIR, 'test', 'golden', 'wire');
const NAMES = readdirSync(WIRE_DIR).filter((name) => name.endsWith('.txt'));
const TEXTS = NAMES.map((name) => readFileSync(join(WIRE_DIR, name), 'utf8'));

/** Errors that only binary clients get, or that come only when a disk fails; other tests have them. */
const NOT_HERE = new Set([
  // Needs a broken certificate: test/unit/server/authentication.test.ts.
  'bad-certificates',
  // This one needs dozens of clients: the same file.
  'too-many-logins',
  'too-many-connections',
  'no-space',
  'no-descriptors',
  'damaged',
  'unreadable',
  'unwritten',
  'closed',
  // This one comes over a cluster alone: test/unit/server/ahead.test.ts.
  'unknown',
  'not-offered',
]);

describe('golden wire', () => {
  const tempDir = mkdtempSync(join(tmpdir(), 'cairn-wire-'));
  const authFile = join(tempDir, 'users');
  writeFileSync(authFile, 'alice:secret\n');
  after(() => removeFolder(tempDir));

  for (const name of NAMES) {
    it(`the server answers as in wire/${name}`, async () => {
      const transcript = parseTranscript(readFileSync(join(WIRE_DIR, name), 'utf8'));
      const argv = transcript.argv.map((word) => (word === 'USERS' ? authFile : word));
      const server = await startDurableServer(argv);
      try {
        const played = await playTranscript(transcript, server.port, authFile);
        expect(played).to.equal(golden(`wire/${name}`, played));
      } finally {
        await server.stop();
      }
    });
  }

  it('has every text command, and the meta commands', () => {
    const sent = TEXTS.join('\n').match(/^> \w+/gm) ?? [];
    const words = new Set(sent.map((line) => line.slice(2)));
    const storage = [
      'get',
      'gets',
      'gat',
      'gats',
      'set',
      'add',
      'replace',
      'append',
      'prepend',
      'cas',
    ];
    const meta = ['mg', 'ms', 'md', 'ma', 'me', 'mn'];
    expect(words).to.include.keys(...LINE_READERS.keys(), ...storage, ...meta);
  });

  it('has every error that a text client can get', () => {
    const replies = TEXTS.join('\n');
    for (const name of ERROR_NAMES) {
      if (NOT_HERE.has(name)) continue;
      const line = formOfError(name).line.toString('latin1').trimEnd();
      expect(replies, name).to.include(`< ${line}\\r\\n`);
    }
  });
});
