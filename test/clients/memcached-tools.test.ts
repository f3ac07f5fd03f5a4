// The command line tools of libmemcached and memcached, from Debian's packages.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import { requireProgram, run, type Finished } from '../support/programs.js';
import { describeServers, EVERYWHERE } from '../support/servers.js';
import { removeFolder } from '../support/remove-folder.js';

/** Reads the verdicts of `memccapable`, which prints one line per test: its name and [pass], [FAIL] or [SKIP]. */
function verdicts(output: string): { passed: number; others: string[] } {
  const lines = output.split('\n').filter((line) => /\[\w+\]/.test(line));
  const others = lines.filter((line) => !line.includes('[pass]'));
  return { passed: lines.length - others.length, others };
}

describeServers(
  'libmemcached tools @long',
  (server) => {
    let dir: string;
    const tool = (program: string, args: readonly string[]): Promise<Finished> =>
      run(program, [`--servers=${server.address()}`, ...args]);

    before(() => {
      dir = mkdtempSync(join(tmpdir(), 'cairn-tools-'));
    });
    after(() => removeFolder(dir));

    function fileWith(name: string, text: string): string {
      const path = join(dir, name);
      writeFileSync(path, text);
      return path;
    }

    it('memccapable -a passes 27 of 27', async function () {
      const program = requireProgram(this, 'memccapable', 'libmemcached-tools');
      const done = await run(program, ['-h', '127.0.0.1', '-p', `${server.port()}`, '-a']);
      expect(verdicts(done.stdout + done.stderr)).to.deep.equal({ passed: 27, others: [] });
      expect(done.code).to.equal(0);
    });

    it('memccp, memccat, memcexist, memctouch and memcrm handle a file as a value', async function () {
      const [memccp, memccat, memcexist, memctouch, memcrm] = [
        'memccp',
        'memccat',
        'memcexist',
        'memctouch',
        'memcrm',
      ].map((name) => requireProgram(this, name, 'libmemcached-tools'));
      const text = `line one\nline two ☃ ${'x'.repeat(100_000)}\n`;
      const key = basename(fileWith('copied', text));
      expect(await tool(memccp ?? '', [join(dir, key)])).to.include({ code: 0 });
      expect(await tool(memccat ?? '', [key])).to.deep.include({ code: 0, stdout: `${text}\n` });
      expect(await tool(memcexist ?? '', [key])).to.include({ code: 0 });
      expect(await tool(memctouch ?? '', ['--expire=100', key])).to.include({ code: 0 });
      expect(await tool(memcrm ?? '', [key])).to.include({ code: 0 });
      expect((await tool(memcexist ?? '', [key])).code).to.not.equal(0);
    });

    it('memcdump lists every key', async function () {
      const memcdump = requireProgram(this, 'memcdump', 'libmemcached-tools');
      const memccp = requireProgram(this, 'memccp', 'libmemcached-tools');
      const memcflush = requireProgram(this, 'memcflush', 'libmemcached-tools');
      expect(await tool(memcflush, [])).to.include({ code: 0 });
      const keys = Array.from({ length: 64 }, (_, i) => `dumped-${i}`);
      const files = keys.map((key, i) => fileWith(key, 'x'.repeat(i * 100)));
      await tool(memccp, files);
      const done = await tool(memcdump, []);
      // memcached also lists flushed items, until it reuses their memory.
      expect(done.stdout.trim().split('\n')).to.include.members(keys);
    });

    it('memcping and memcstat understand the server', async function () {
      const memcstat = requireProgram(this, 'memcstat', 'libmemcached-tools');
      const memcping = requireProgram(this, 'memcping', 'libmemcached-tools');
      expect(await tool(memcping, [])).to.include({ code: 0 });
      const done = await tool(memcstat, []);
      expect(done.stdout).to.include(`pid: ${server.process().pid}`);
      expect(done.stdout).to.match(/version: 1\.6\.\d+/);
    });

    for (const workload of ['set', 'get', 'mget']) {
      it(`memcslap finishes its ${workload} load from eight threads`, async function () {
        const memcslap = requireProgram(this, 'memcslap', 'libmemcached-tools');
        const load = [`--test=${workload}`, '--concurrency=8', '--execute-number=100'];
        const done = await tool(memcslap, [...load, '--initial-load=500', '--flush']);
        expect(done.stderr).to.equal('');
        expect(done.code, done.stdout).to.equal(0);
        expect(done.stdout).to.match(/Time total/);
      });
    }

    it('memcached-tool shows display, stats, settings and a dump', async function () {
      const perl = requireProgram(this, 'perl', 'perl');
      const script = '/usr/share/memcached/scripts/memcached-tool';
      requireProgram(this, script, 'memcached');
      const show = (mode: string): Promise<Finished> => run(perl, [script, server.address(), mode]);
      const memccp = requireProgram(this, 'memccp', 'libmemcached-tools');
      await tool(memccp, [fileWith('shown', 'to the tool')]);
      // A cluster counts its items once in a while: it shows no class before that.
      const isCounted = server.kind === 'cairn' || server.kind === 'memcached';
      const classes = isCounted ? /Item_Size[\s\S]*\n\s+\d+\s/ : /Item_Size/;
      expect((await show('display')).stdout).to.match(classes);
      expect((await show('stats')).stdout).to.match(/\n\s+pid\s+\d+/);
      expect((await show('settings')).stdout).to.match(/maxconns\s+1024/);
      expect((await show('dump')).stdout).to.include('add shown 0 0 11\r\nto the tool');
    });
  },
  { kinds: EVERYWHERE },
);

describeServers(
  'libmemcached tools, binary, @long',
  (server) => {
    it('memccapable passes 54 of 54', async function () {
      const program = requireProgram(this, 'memccapable', 'libmemcached-tools');
      const done = await run(program, ['-h', '127.0.0.1', '-p', `${server.port()}`]);
      expect(verdicts(done.stdout + done.stderr)).to.deep.equal({ passed: 54, others: [] });
      expect(done.code).to.equal(0);
    });

    it('memcslap finishes its binary load', async function () {
      const memcslap = requireProgram(this, 'memcslap', 'libmemcached-tools');
      const args = [`--servers=${server.address()}`, '--binary', '--test=get', '--concurrency=4'];
      const done = await run(memcslap, [...args, '--execute-number=100', '--initial-load=500']);
      expect(done.code, done.stderr).to.equal(0);
    });
  },
  { kinds: EVERYWHERE },
);
