// Prints the version of each client that the suites ran with: a result without it cannot be repeated.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { requireProgram, run } from '../support/programs.js';

const modules = join(import.meta.dirname, '../../../node_modules');
const NPM_CLIENTS = [
  'memjs',
  'memcached',
  'memcache-client',
  'memcache-plus',
  '@keyv/memcache',
  'connect-memcached',
  'express-session',
  'rate-limit-memcached',
];
const DEBIAN_CLIENTS = [
  'libmemcached-tools',
  'memcached',
  'python3-pymemcache',
  'python3-pylibmc',
  'php-memcached',
  'ruby-dalli',
  'nutcracker',
];

describe('versions of the clients', () => {
  it('prints the versions of the npm packages', () => {
    for (const name of NPM_CLIENTS) {
      const text = readFileSync(join(modules, name, 'package.json'), 'utf8');
      const { version } = JSON.parse(text) as { version: string };
      expect(version, name).to.match(/^\d+\.\d+\.\d+/);
      console.log(`      ${name} ${version}`);
    }
  });

  it('prints the versions of the Debian packages', async function () {
    const query = requireProgram(this, 'dpkg-query', 'dpkg');
    const format = '${db:Status-Status} ${Version}';
    for (const name of DEBIAN_CLIENTS) {
      const { code, stdout, stderr } = await run(query, ['-W', '-f', format, name]);
      // dpkg-query ends with 1 for a package that it does not know, and with 2 when it fails.
      expect([0, 1], stderr).to.include(code);
      const [, version] = /^installed (\S+)$/.exec(stdout) ?? [];
      if (version === undefined)
        expect(stdout, name).to.match(/^(?:(?:not-installed|config-files) .*)?$/);
      else expect(version, name).to.match(/^(?:\d+:)?\d/);
      console.log(`      ${name} ${version ?? 'is not installed'}`);
    }
  });
});
