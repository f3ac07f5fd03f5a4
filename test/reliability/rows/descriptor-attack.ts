// Clients leave the server no descriptor, for as long as they can, while writes and reads go on.

import { readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { WireClient } from '../../../tools/torture/wire-client.js';
import { findProgram } from '../../support/programs.js';
import { ms, withServer } from '../life.js';
import { run } from '../machine.js';
import type { FaultRow } from '../row.js';
import { connections } from '../stalls/traffic.js';

const SEGMENT_BYTES = 1024 * 1024;
/** While its successor cannot be made, the active segment takes at most half as much again. */
const SEGMENT_BYTES_MAX = 1.6 * SEGMENT_BYTES;
const VALUE = 'v'.repeat(50_000);
const SETS = 900;
const WARNINGS_MAX = 3;
const RESUMED_MS_MAX = 5000;

export const descriptorAttack: FaultRow = {
  name: 'descriptor-attack',
  fault: 'All descriptors are taken while clients write and read',
  required:
    'No record is called damaged, a warning comes once, no segment outgrows its limit by more than half, refused writes are not stored, other writes are; writes resume by themselves',
  injection: 'prlimit --nofile lowered to what is open, lifted while it runs',
  try: async () => {
    if (findProgram('prlimit') === undefined) return { needs: 'util-linux' };
    return withServer(['--segment-size', '1m', '-m', '2'], async ({ server, dir }) => {
      const failures: string[] = [];
      const client = await WireClient.connect(server.port);
      const stored = new Set<number>();
      let refused = 0;
      const set = async (n: number): Promise<boolean> => {
        const reply = await client.line(`set k${n} 0 0 ${VALUE.length}\r\n${VALUE}\r\n`);
        if (reply === 'STORED') stored.add(n);
        else if (reply.startsWith('SERVER_ERROR')) refused += 1;
        else failures.push(`a set was answered ${reply}`);
        return reply === 'STORED';
      };
      const crowd = await connections(server.port, 50);
      for (let n = 0; n < 30; n++) await set(n);
      const openFiles = (): number[] => readdirSync(`/proc/${server.pid}/fd`).map(Number);
      const limit = Math.max(...openFiles()) + 1;
      run('prlimit', ['--pid', `${server.pid}`, `--nofile=${limit}:`]);
      // The descriptors that are free below the limit are taken as well.
      for (let n = 0; n < limit; n++) {
        const socket = connect({ port: server.port, host: '127.0.0.1' });
        socket.on('error', () => socket.destroy());
        crowd.push(socket);
      }
      for (let n = 0; n < 100 && openFiles().length < limit; n++) await setTimeout(20);
      for (let n = 30; n < SETS; n++) {
        await set(n);
        await client.list(`get k${n % 30}\r\n`);
      }
      const { output } = server;
      run('prlimit', ['--pid', `${server.pid}`, '--nofile=4096:']);
      const startedMs = performance.now();
      let resumedMs = 0;
      for (let n = SETS; !(await set(n)) && resumedMs < RESUMED_MS_MAX; n++) {
        await setTimeout(50);
        resumedMs = performance.now() - startedMs;
      }
      if (resumedMs >= RESUMED_MS_MAX) failures.push('writes did not resume');
      const isStored = async (n: number): Promise<boolean> =>
        (await client.list(`get k${n}\r\n`)).includes(VALUE);
      for (let n = 0; n < SETS; n++) {
        if ((await isStored(n)) !== stored.has(n)) failures.push(`k${n} is not what was answered`);
      }
      for (const socket of crowd) socket.destroy();
      client.close();
      const lengths = readdirSync(dir)
        .filter((name) => name.endsWith('.seg'))
        .map((name) => statSync(join(dir, name)).size);
      const warnings = output.split('\n').filter((line) => /warn|error/.test(line)).length;
      if (/damaged/.test(output)) failures.push(`damage was reported: ${output}`);
      if (warnings > WARNINGS_MAX) failures.push(`${warnings} warnings: ${output}`);
      if (Math.max(...lengths) > SEGMENT_BYTES_MAX)
        failures.push(`a segment has ${Math.max(...lengths)} bytes`);
      const figure =
        `${stored.size} sets of 50 KB stored, ${refused} refused; ${warnings} warnings, longest segment ` +
        `${(Math.max(...lengths) / SEGMENT_BYTES).toFixed(1)} times its limit; writes resumed in ${ms(resumedMs)}`;
      return { tried: SETS - 30, failures, figure };
    });
  },
};
