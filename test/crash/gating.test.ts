// Promises 1 and 2 as the kernel sees them: strace shows that no STORED leaves before the record's synchronous write is
// done, and that with slow writes no client sees a change before that.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { requireProgram } from '../support/programs.js';
import { ServerProcess } from '../../tools/torture/server-process.js';
import { cairnLaunch, temporaryFolder } from '../support/servers.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { unsyncedReplies } from './strace-log.js';
import { removeFolder } from '../support/remove-folder.js';

/** Much longer than five reads by a client beside it take, also below strace on a busy machine. */
const DELAY_MS = 2000;

async function serverPid(port: number): Promise<number> {
  const client = await WireClient.connect(port);
  const pid = /^STAT pid (\d+)/m.exec(await client.list('stats\r\n'))?.[1];
  client.close();
  return Number(pid);
}

describe('gating of replies @long', function () {
  this.timeout(60_000);
  let dir: string;
  let server: ServerProcess | undefined;
  let pid: number | undefined;

  beforeEach(() => {
    dir = temporaryFolder();
  });
  afterEach(async () => {
    if (pid !== undefined) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code, 'it has ended').to.equal('ESRCH');
      }
    }
    await server?.kill();
    removeFolder(dir);
  });

  it('before every STORED there is a completed synchronous write of its record', async function () {
    const strace = requireProgram(this, 'strace', 'strace');
    const trace = join(dir, 'trace');
    const calls = 'trace=openat,close,read,write,writev,sendto,sendmsg,pwrite64,pwritev';
    const cairn = cairnLaunch(join(dir, 'data'));
    server = await ServerProcess.start({
      command: strace,
      args: ['-f', '-e', calls, '-s', '1000000', '-o', trace, cairn.command, ...cairn.args],
    });
    pid = await serverPid(server.port);

    const { port } = server;
    const clients = await Promise.all(Array.from({ length: 4 }, () => WireClient.connect(port)));
    const sets = clients.map(async (client, c) => {
      for (let round = 0; round < 25; round++) {
        const batch = [0, 1, 2].map((i) => `gate-${c}-${round * 3 + i}-`);
        const replies = batch.map((key) => client.line(`set ${key} 0 0 2\r\nxy\r\n`));
        expect(await Promise.all(replies)).to.deep.equal(['STORED', 'STORED', 'STORED']);
      }
    });
    await Promise.all(sets);
    for (const client of clients) client.close();
    process.kill(pid, 'SIGTERM');
    expect(await server.exited).to.deep.equal({ code: 0, signal: null });

    const { replies, unsynced } = unsyncedReplies(readFileSync(trace, 'latin1'));
    expect(replies, 'STORED replies in the trace').to.equal(300);
    expect(unsynced, 'STORED without a completed write').to.deep.equal([]);
  });

  describe('with delayed writes of the log', () => {
    let tracer: ChildProcess | undefined;

    afterEach(() => tracer?.kill());

    async function delayWrites(strace: string, started: ServerProcess): Promise<void> {
      const inject = `inject=pwrite64,pwritev:delay_enter=${DELAY_MS * 1000}`;
      const args = ['-f', '-p', `${started.pid}`, '-e', 'trace=pwrite64,pwritev', '-e', inject];
      const child = spawn(strace, [...args, '-o', '/dev/null'], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      tracer = child;
      let said = '';
      while (!said.includes('attached')) said += String((await once(child.stderr, 'data'))[0]);
    }

    it('a change takes as long, no client sees it before, and other requests are not held up', async function () {
      const strace = requireProgram(this, 'strace', 'strace');
      const started = await ServerProcess.start(cairnLaunch(join(dir, 'data')));
      server = started;
      const [writer, reader, bystander] = await Promise.all(
        [0, 1, 2].map(() => WireClient.connect(started.port)),
      );
      if (!writer || !reader || !bystander) throw new Error('unreachable: three were made');
      expect(await writer.line('set other 0 0 3\r\nold\r\n')).to.equal('STORED');
      await delayWrites(strace, started);

      const change = async (request: string, reply: string, after: string): Promise<void> => {
        const startMs = performance.now();
        let answered = false;
        const write = writer.line(request).then((got) => {
          answered = true;
          expect(got).to.equal(reply);
          expect(performance.now() - startMs, `${reply} after ms`).to.be.at.least(DELAY_MS - 1);
        });
        const look = async (): Promise<void> => {
          while ((await reader.meta('mg gated v\r\n')) !== after);
          expect(performance.now() - startMs, 'seen after ms').to.be.at.least(DELAY_MS - 1);
        };
        const others = async (): Promise<void> => {
          for (let i = 0; i < 5; i++) {
            expect(await bystander.meta('mg other v\r\n')).to.equal('VA 3\r\nold');
          }
          expect(answered, 'five reads of another key waited for the write').to.equal(false);
        };
        await Promise.all([write, look(), others()]);
      };

      await change('set gated 0 0 3\r\nnew\r\n', 'STORED', 'VA 3\r\nnew');
      await change('append gated 0 0 3\r\nest\r\n', 'STORED', 'VA 6\r\nnewest');
      await change('delete gated\r\n', 'DELETED', 'EN');
    });
  });
});
