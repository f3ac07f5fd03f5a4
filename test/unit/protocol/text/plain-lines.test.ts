// Plain lines: a line that is read in one pass means what the parser reads in it word by word. A further space, which
// means nothing, makes the parser read the same line word by word.

import { expect } from 'chai';
import * as fc from 'fast-check';

import { DEFAULT_PARSER_OPTIONS, type Parsed } from '../../../../src/protocol/parser.js';
import { TextParser } from '../../../../src/protocol/text/parser.js';
import { seeded } from '../../../support/seed.js';

/** Returns the contents of a request, without its buffers. */
function told(parsed: Parsed): unknown {
  if (parsed.kind === 'get') {
    const { form, key, keyStart, keyEnd, last, touchExptime } = parsed;
    return { form, key: key.toString('latin1', keyStart, keyEnd), last, touchExptime };
  }
  if (parsed.kind !== 'put') return parsed;
  const { form, mode, key, keyStart, keyEnd, flags, exptime, value, valueStart } = parsed;
  const bytes = value?.toString('latin1', valueStart, valueStart + parsed.valueBytes);
  const { compareCas, chosenCas, invalidate, vivifyExptime } = parsed;
  const others = { compareCas, chosenCas, invalidate, vivifyExptime };
  return {
    form,
    mode,
    key: key.toString('latin1', keyStart, keyEnd),
    flags,
    exptime,
    bytes,
    others,
  };
}

function parse(text: string): unknown[] {
  const parser = new TextParser({ ...DEFAULT_PARSER_OPTIONS, inlineValueBytesMax: 40 });
  // The bytes behind the end must not be read.
  const memory = Buffer.from(`${text}9 \r\n9999\r\n`, 'latin1');
  parser.push(memory.subarray(0, text.length));
  const all: unknown[] = [];
  for (let parsed = parser.next(); parsed.kind !== 'need-more'; parsed = parser.next()) {
    all.push(told(parsed));
    if (parsed.kind === 'close') break;
  }
  return all;
}

const key = fc.oneof(
  fc.string({ minLength: 1, maxLength: 20 }).map((text) => text.replaceAll(/[ \r\n]/g, '_')),
  fc.constantFrom('k', 'k'.repeat(250), 'k'.repeat(251)),
);
const number = fc.oneof(
  fc.nat(60).map(String),
  fc.constantFrom('0', '007', '+5', '-1', '999999999', '4294967295', '99999999999', 'x', ''),
);

describe('Plain lines', () => {
  it('`get` and `gets` mean the same with a further space', () => {
    fc.assert(
      fc.property(fc.constantFrom('get', 'gets'), key, (name, word) => {
        expect(parse(`${name} ${word}\r\n`)).to.deep.equal(parse(` ${name} ${word}\r\n`));
        expect(parse(`${name} ${word}\n`)).to.deep.equal(parse(` ${name} ${word}\n`));
      }),
      seeded('get lines', 300),
    );
  });

  it('`set` means the same with a further space, whatever its numbers and its block', () => {
    const block = fc.string({ maxLength: 60 }).map((text) => text.replaceAll(/[^ -~]/g, '.'));
    fc.assert(
      fc.property(key, number, number, number, block, (word, flags, exptime, bytes, value) => {
        const rest = `${word} ${flags} ${exptime} ${bytes}`;
        for (const end of ['\r\n', '\n', 'x\r\n']) {
          const behind = `${value}${end}get k\r\n`;
          expect(parse(`set ${rest}\r\n${behind}`)).to.deep.equal(
            parse(`set ${rest} \r\n${behind}`),
          );
        }
      }),
      seeded('set lines', 600),
    );
  });
});
