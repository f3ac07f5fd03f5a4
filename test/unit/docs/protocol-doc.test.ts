// docs/protocol.md against the code: it has every command, opcode, error and limit, and no error that does not
// exist.

import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import {
  EXPTIME_RELATIVE_SECONDS_MAX,
  KEY_BYTES_LIMIT,
  KEY_BYTES_MAX_DEFAULT,
  LINE_BYTES_MAX,
  MEMCACHED_VERSION,
  VALUE_BYTES_MAX_DEFAULT,
} from '../../../src/limits.js';
import { OPCODES } from '../../../src/protocol/binary/opcodes.js';
import { ERROR_NAMES, formOfError } from '../../../src/protocol/errors.js';
import { LINE_READERS } from '../../../src/protocol/text/commands.js';

const DOCUMENT = readFileSync(new URL('../../../../docs/protocol.md', import.meta.url), 'utf8');
/** Returns everything in backquotes, as it would be sent. */
const PROSE = DOCUMENT.replaceAll(/```[^]*?```/g, '');
const QUOTED = [...PROSE.matchAll(/`([^`]+)`/g)].map(([, text]) => text!.replaceAll('\\|', '|'));
const OTHER_COMMANDS =
  'get gets gat gats set add replace append prepend cas mg ms md ma me mn'.split(' ');

describe('docs/protocol.md', () => {
  it('describes every command', () => {
    for (const name of [...LINE_READERS.keys(), ...OTHER_COMMANDS]) {
      const named = QUOTED.some((text) => text === name || text.startsWith(`${name} `));
      expect(named, name).to.equal(true);
    }
  });

  it('describes every opcode', () => {
    OPCODES.forEach((opcode, number) => {
      if (opcode === undefined) return;
      const hex = `0x${number.toString(16).padStart(2, '0')}`;
      expect(DOCUMENT, hex).to.contain(hex);
    });
  });

  it('has every error line, and no other', () => {
    const lines = new Set(ERROR_NAMES.map((name) => formOfError(name).line.toString().trimEnd()));
    for (const line of lines) expect(QUOTED, line).to.include(line);
    for (const text of QUOTED) {
      if (/^(CLIENT|SERVER)_ERROR./.test(text)) expect(lines.has(text), text).to.equal(true);
    }
  });

  it('has the text of every binary status that has its own text', () => {
    for (const name of ERROR_NAMES) {
      const { status, text } = formOfError(name);
      if (status === 0x86) continue;
      expect(QUOTED, text.toString()).to.include(text.toString());
    }
  });

  it('has the limits', () => {
    const limits = [
      EXPTIME_RELATIVE_SECONDS_MAX,
      KEY_BYTES_LIMIT,
      KEY_BYTES_MAX_DEFAULT,
      LINE_BYTES_MAX,
      VALUE_BYTES_MAX_DEFAULT,
    ];
    for (const limit of limits) expect(DOCUMENT).to.contain(limit.toLocaleString('en-US'));
    expect(DOCUMENT).to.contain(`\`${MEMCACHED_VERSION}\``);
  });
});
