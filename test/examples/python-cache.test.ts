// examples/python-cache: results that are there after a kill -9, and a function that works without the server.

import { join } from 'node:path';
import { expect } from 'chai';

import { ExampleServer } from '../support/example-server.js';
import { requireProgram, run, skip, type Finished } from '../support/programs.js';

const SCRIPT = join(import.meta.dirname, '../../../examples/python-cache/primes.py');
/** Debian's own: the package of pymemcache is made for no other. */
const PYTHON = '/usr/bin/python3';

describe('examples/python-cache', () => {
  let server: ExampleServer;

  before(async function () {
    requireProgram(this, PYTHON, 'python3');
    const probed = await run(PYTHON, ['-c', 'import pymemcache']);
    if (probed.code !== 0) skip(this, 'python3-pymemcache');
    server = await ExampleServer.start();
  });
  after(async () => {
    await server?.stop();
  });

  function primes(below: number): Promise<Finished> {
    return run(PYTHON, ['-B', SCRIPT, String(below), '127.0.0.1', String(server.port)]);
  }

  it('computes once, also when the server was killed, and works without the server', async () => {
    const counting = 'counting up to 1000 …\n';
    const first = await primes(1000);
    expect(first).to.deep.equal({ code: 0, stdout: '168\n', stderr: counting });
    expect(await primes(1000)).to.deep.equal({ code: 0, stdout: '168\n', stderr: '' });
    await server.kill();
    const alone = await primes(1000);
    expect(alone).to.include({ code: 0, stdout: '168\n' });
    expect(alone.stderr).to.contain('could not be read').and.to.contain(counting);
    await server.restart();
    expect(await primes(1000)).to.deep.equal({ code: 0, stdout: '168\n', stderr: '' });
    expect((await primes(100)).stdout).to.equal('25\n');
  });
});
