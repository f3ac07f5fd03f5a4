// Binary conversations with a real server over a real disk, against test/golden/wire/*.hex: every opcode, its quiet form,
// and its errors. GOLDEN_UPDATE=1 writes the replies.

import { expect } from 'chai';
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { OPCODES } from '../../src/protocol/binary/opcodes.js';
import {
  bytesOf,
  parseBinaryTranscript,
  playBinaryTranscript,
} from '../support/binary-transcript.js';
import { startDurableServer } from '../support/durable-server.js';
import { PROJECT_DIR, golden } from '../support/golden-file.js';
import { removeFolder } from '../support/remove-folder.js';

const WIRE_DIR = join(PROJECT_DIR, 'test', 'golden', 'wire');
const NAMES = readdirSync(WIRE_DIR).filter((name) => name.endsWith('.hex'));

function transcriptOf(name: string): ReturnType<typeof parseBinaryTranscript> {
  return parseBinaryTranscript(readFileSync(join(WIRE_DIR, name), 'utf8'));
}

describe('golden wire, binary', () => {
  const tempDir = mkdtempSync(join(tmpdir(), 'cairn-binary-'));
  const authFile = join(tempDir, 'users');
  writeFileSync(authFile, 'alice:secret\n');
  after(() => removeFolder(tempDir));

  for (const name of NAMES) {
    it(`the server answers as in wire/${name}`, async () => {
      const transcript = transcriptOf(name);
      const argv = transcript.argv.map((word) => (word === 'USERS' ? authFile : word));
      const server = await startDurableServer(argv);
      try {
        const played = await playBinaryTranscript(transcript, server.port);
        expect(played).to.equal(golden(`wire/${name}`, played));
      } finally {
        await server.stop();
      }
    });
  }

  it('has every opcode', () => {
    const lines = NAMES.flatMap((name) => transcriptOf(name).lines);
    const sent = new Set<number | undefined>(
      lines.filter((line) => line.startsWith('> ')).map((line) => bytesOf(line)[1]),
    );
    const unsent = OPCODES.flatMap((known, opcode) =>
      known === undefined || sent.has(opcode) ? [] : opcode,
    );
    expect(unsent).to.deep.equal([]);
  });
});
