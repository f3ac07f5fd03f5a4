// Clients in other languages, from Debian's packages. Each runs its script in test/clients/scripts, which holds the commands
// and the answers that it must get, and prints the number of its checks at the end.

import { join } from 'node:path';
import { expect } from 'chai';
import type { Context } from 'mocha';
import { findProgram, run, skip } from '../support/programs.js';
import { describeServers, EVERYWHERE } from '../support/servers.js';

// Scripts are not compiled: they stay where the sources are.
const scripts = join(import.meta.dirname, '../../../test/clients/scripts');

interface ScriptClient {
  readonly debianPackage: string;
  /** Debian's own interpreter, which is the only one that the packages are made for. */
  readonly interpreter: string;
  readonly interpreterPackage: string;
  /** Arguments with which the interpreter succeeds when the package is there. */
  readonly probe: readonly string[];
  readonly script: string;
  readonly binary: boolean;
  /** Passed after host and port. */
  readonly mode: string;
  readonly checksAtLeast: number;
}

const python = { interpreter: '/usr/bin/python3', interpreterPackage: 'python3' };
const pylibmc = {
  ...python,
  debianPackage: 'python3-pylibmc',
  probe: ['-c', 'import pylibmc'],
  script: 'pylibmc-client.py',
  checksAtLeast: 50,
};
const php = {
  interpreter: '/usr/bin/php',
  interpreterPackage: 'php-cli',
  debianPackage: 'php-memcached',
  probe: ['-r', 'exit(class_exists("Memcached") ? 0 : 1);'],
  script: 'memcached-client.php',
  checksAtLeast: 50,
};

const clients: readonly ScriptClient[] = [
  {
    ...python,
    debianPackage: 'python3-pymemcache',
    probe: ['-c', 'import pymemcache'],
    script: 'pymemcache-client.py',
    binary: false,
    mode: 'text',
    checksAtLeast: 50,
  },
  { ...pylibmc, binary: false, mode: 'text' },
  { ...pylibmc, binary: true, mode: 'binary' },
  { ...php, binary: false, mode: 'text' },
  { ...php, binary: true, mode: 'binary' },
  {
    interpreter: '/usr/bin/ruby',
    interpreterPackage: 'ruby',
    debianPackage: 'ruby-dalli',
    probe: ['-e', 'require "dalli"'],
    script: 'dalli-client.rb',
    binary: true,
    mode: 'binary',
    checksAtLeast: 40,
  },
];

async function requireClient(context: Context, client: ScriptClient): Promise<void> {
  if (findProgram(client.interpreter) === undefined)
    skip(context, client.interpreterPackage, client.debianPackage);
  const probed = await run(client.interpreter, client.probe);
  if (probed.code !== 0) skip(context, client.debianPackage);
}

for (const binary of [false, true]) {
  describeServers(
    `clients of other languages, ${binary ? 'binary' : 'text'}, @long`,
    (server) => {
      for (const client of clients.filter((each) => each.binary === binary)) {
        it(`${client.debianPackage} gets the right answer to every command`, async function () {
          await requireClient(this, client);
          const args = [join(scripts, client.script), '127.0.0.1', `${server.port()}`, client.mode];
          const done = await run(client.interpreter, args);
          expect(done.stderr).to.equal('');
          expect(done.code, done.stdout).to.equal(0);
          const checks = Number(/(\d+) checks\s*$/.exec(done.stdout)?.[1]);
          expect(checks).to.be.at.least(client.checksAtLeast);
        });
      }
    },
    { kinds: EVERYWHERE },
  );
}
