// Listings of keys: no key that a binary client chose can forge a word, a line or a command of a terminal.

import { expect } from 'chai';

import { packet } from '../../support/binary-packets.js';
import { serversOf } from '../../support/test-server-hooks.js';
import type { TestClient } from '../../support/test-server.js';

const EVIL = 'pre:a b\r\nEND\r\nITEM x\x1b[2J\x7f%';
const TEXT = 'pre:\x1b]0;title\x07';
const LISTED = ['pre:a%20b%0D%0AEND%0D%0AITEM%20x%1B[2J%7F%25', 'pre:%1B]0;title%07'];

describe('listings of keys with any byte', () => {
  const start = serversOf();
  const SET = 0x01;
  const setEvil = async (client: TestClient): Promise<void> => {
    client.send(packet(SET, { key: EVIL, value: 'v', extras: Buffer.alloc(8) }).toString('latin1'));
    await client.take(24);
  };

  it('show each key in one line without a control byte', async () => {
    const { connect } = await start();
    const [binary, client] = [await connect(), await connect()];
    await setEvil(binary);
    await client.ask(`set ${TEXT} 0 0 1\r\nv\r\n`, 'STORED\r\n');
    const list = async (command: string, end: string): Promise<string[]> => {
      client.send(`${command}\r\n`);
      const text = await client.until(end);
      expect(text.replaceAll(/\r?\n/g, ''), command).not.to.match(/\p{Cc}/u);
      return text.split('\n').map((line) => line.trimEnd());
    };
    const dumped = await list('stats cachedump 1 0', '\nEND\r\n');
    for (const key of LISTED) {
      const found = dumped.filter((line) => line.startsWith(`ITEM ${key} [`));
      expect(found, key).to.have.length(1);
    }
    expect(dumped.filter((line) => line !== '')).to.have.length(LISTED.length + 1);
    const lines = [await list('lru_crawler metadump all', '\nEND\r\n')];
    lines.push(await list('lru_crawler mgdump all', '\nEN\r\n'), await list('keys *', '\nEND\r\n'));
    for (const some of lines) {
      const told = some.filter((line) => /^(?:key=|mg |KEY )/.test(line));
      expect(told, some.join('|')).to.have.length(2);
    }
  });

  it('print no C1 byte raw, in UTF-8 or not, and mgdump still names each key', async () => {
    const { connect } = await start();
    const client = await connect();
    const made = [Buffer.from('c1:\x9b2J'), Buffer.from('c1:\x9b2J', 'latin1')];
    await client.ask('stats detail on\r\n', 'OK\r\n');
    for (const key of made) {
      const prefixed = Buffer.concat([key, Buffer.from(':x')]);
      for (const each of [key, prefixed])
        await client.ask(`set ${each.toString('latin1')} 0 0 1\r\nv\r\n`, 'STORED\r\n');
    }
    const texts: string[] = [];
    for (const [command, end] of [
      ['stats cachedump 1 0', 'END\r\n'],
      ['stats detail dump', 'END\r\n'],
      ['lru_crawler metadump all', 'END\r\n'],
      ['lru_crawler mgdump all', 'EN\r\n'],
      ['keys *', 'END\r\n'],
    ] as const) {
      client.send(`${command}\r\n`);
      const text = await client.until(end);
      expect(text, command).not.to.match(/[\x7f-\x9f]/);
      texts.push(text);
    }
    for (const key of made) {
      const line = `mg ${key.toString('base64')} b`;
      expect(texts[3]).to.contain(`${line}\r\n`);
      client.send(`${line} v\r\n`);
      expect(await client.until('\r\nv\r\n')).to.equal('VA 1\r\nv\r\n');
    }
  });

  it('show each prefix of stats detail in one line', async () => {
    const { connect } = await start({ argv: ['-D', '%'] });
    const [binary, client] = [await connect(), await connect()];
    await client.ask('stats detail on\r\n', 'OK\r\n');
    await setEvil(binary);
    client.send('stats detail dump\r\n');
    const [prefix = ''] = LISTED;
    expect(await client.until('\nEND\r\n')).to.equal(
      `PREFIX ${prefix.slice(0, -'%25'.length)} get 0 hit 0 set 1 del 0\r\nEND\r\n`,
    );
  });

  it('name the key of an event in one word', async () => {
    const { connect } = await start();
    const [binary, watcher] = [await connect(), await connect()];
    await watcher.ask('watch mutations\r\n', 'OK\r\n');
    await setEvil(binary);
    const event = await watcher.until('\n');
    expect(event).to.match(/ key=pre%3Aa%20b%0D%0AEND%0D%0AITEM%20x%1B%5B2J%7F%25 /);
  });
});
