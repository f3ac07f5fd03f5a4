// The drills themselves, without a cluster: over one healthy server they find nothing, and they find every fault that is
// planted in it.

import { expect } from 'chai';

import { WireClient } from '../../tools/torture/wire-client.js';
import { startServer } from '../support/test-server.js';
import { runDrill, type DrillReport } from './drill.js';

/** Runs a drill over a store in memory; `plant` changes the store behind the clients' backs meanwhile. */
async function drillOver(plant: (client: WireClient) => Promise<unknown>): Promise<DrillReport> {
  const server = await startServer();
  const planter = await WireClient.connect(server.port);
  try {
    return await runDrill({
      name: 'drill',
      places: [server.port],
      seed: 1,
      tags: ['w0', 'w1'],
      writes: 20,
      strike: async () => void (await plant(planter)),
      heal: () => Promise.resolve(),
    });
  } finally {
    planter.close();
    await server.stop();
  }
}

/** Expects that every promise is checked, and that nothing else than `what` is found. */
async function expectFinding(what: RegExp, ...requests: string[]): Promise<void> {
  const report = await drillOver(async (client) => {
    for (const request of requests) await client.line(request);
  });
  expect(report.failures.join('\n')).to.match(what);
  expect(report.failures).to.have.length(1);
}

describe('runDrill()', () => {
  it('finds nothing where nothing is wrong', async () => {
    const report = await drillOver(() => Promise.resolve());
    expect(report.failures).to.deep.equal([]);
    expect(report.unique.acknowledged).to.be.at.least(120);
    expect(report.registers.operations).to.be.above(10);
    expect(report.experience.refused).to.equal(0);
  });

  it('finds an acknowledged key that is gone', () =>
    expectFinding(/1 acknowledged and gone: \{w0\}:drill:0/, 'delete {w0}:drill:0\r\n'));

  it('finds a key with a value that no client stored', () =>
    expectFinding(/1 invented: \{w1\}:drill:1 is x/, 'set {w1}:drill:1 0 0 1\r\nx\r\n'));

  it('finds a register that no client changed', () => {
    // A single change may be overwritten before any client reads it.
    const changes = Array.from({ length: 30 }, () => 'set drill-r:register:0 0 0 1\r\nx\r\n');
    return expectFinding(/drill-r:register:0 has no order/, ...changes);
  });

  it('finds an increment too many', () =>
    expectFinding(/drill-s:counter is \d+ after \d+ changes/, 'incr drill-s:counter 1\r\n'));

  it('finds an append too many', () =>
    expectFinding(/nobody appended zz,/, 'append drill-s:text 0 0 3\r\nzz,\r\n'));
});
