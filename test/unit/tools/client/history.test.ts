import { expect } from 'chai';
import fs from 'fs-extra';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  History,
  HISTORY_LINE_LENGTH_MAX,
  HISTORY_LINES_MAX,
  historyPath,
} from '../../../../tools/client/history.js';

describe('History', () => {
  let dir = '';
  beforeEach(async () => {
    dir = await fs.mkdtemp(join(tmpdir(), 'history-'));
  });
  afterEach(() => fs.remove(dir));

  it('add() keeps lines for the next start, repeated ones once, in a file for the owner only', async () => {
    const path = join(dir, 'state', 'history');
    const history = await History.load(path);
    for (const line of ['get a', 'get a', ' ', 'get b']) history.add(line);
    expect((await History.load(path)).lines).to.deep.equal(['get a', 'get b']);
    expect((await fs.stat(path)).mode & 0o777).to.equal(0o600);
  });

  it('load() bounds the file', async () => {
    const path = join(dir, 'history');
    const lines = Array.from({ length: HISTORY_LINES_MAX + 5 }, (_, at) => `get ${at}`);
    await fs.writeFile(path, `${lines.join('\n')}\n`);
    const history = await History.load(path);
    expect(history.lines.length).to.equal(HISTORY_LINES_MAX);
    expect(history.lines[0]).to.equal('get 5');
    expect((await fs.readFile(path, 'utf8')).startsWith('get 5\n')).to.equal(true);
  });

  it('add() keeps no line that is too long, and says once that it cannot write the file', async () => {
    const path = join(dir, 'history');
    const history = await History.load(path);
    history.add(`set k ${'x'.repeat(HISTORY_LINE_LENGTH_MAX)}`);
    expect([history.lines, await fs.pathExists(path)]).to.deep.equal([[], false]);
    await fs.mkdir(path);
    const write = process.stderr.write.bind(process.stderr);
    let said = '';
    process.stderr.write = (text: unknown): boolean => ((said += String(text)), true);
    try {
      for (const line of ['get a', 'get b']) history.add(line);
    } finally {
      process.stderr.write = write;
    }
    expect(said.match(/The history is not kept/g)).to.have.length(1);
    expect(history.lines).to.deep.equal(['get a', 'get b']);
  });

  it('load() goes on without a history that cannot be read', async () => {
    const history = await History.load(join(dir, 'a\0b'));
    history.add('get a');
    expect(history.lines).to.deep.equal(['get a']);
  });
});

describe('historyPath()', () => {
  it('gives a file in the state directory, or CAIRN_HISTORY, or none', () => {
    expect(historyPath({ XDG_STATE_HOME: '/s' })).to.equal('/s/cairn/client-history');
    expect(historyPath({ CAIRN_HISTORY: '/h' })).to.equal('/h');
    expect(historyPath({ CAIRN_HISTORY: '' })).to.equal(undefined);
  });
});
