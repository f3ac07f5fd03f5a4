// examples/rate-limiting: exactly the limit passes, through two processes, and a kill -9 gives nobody more.

import { expect } from 'chai';

import { ExampleProcess } from '../support/example-process.js';
import { ExampleServer } from '../support/example-server.js';

const LIMIT = 10;
const REQUESTS = 50;

function count(statuses: readonly number[], one: number): number {
  return statuses.filter((each) => each === one).length;
}

describe('examples/rate-limiting', () => {
  let server: ExampleServer;
  let apps: ExampleProcess[] = [];
  const startApp = (windowS: number): Promise<ExampleProcess> =>
    ExampleProcess.start('rate-limiting/app.mjs', {
      CAIRN: server.address,
      LIMIT: String(LIMIT),
      WINDOW_S: String(windowS),
    });

  before(async () => {
    server = await ExampleServer.start();
    apps = await Promise.all([startApp(3600), startApp(3600)]);
  });
  after(async () => {
    await Promise.all(apps.map((app) => app.kill()));
    await server.stop();
  });

  async function status(client: string, app = apps[0]!): Promise<number> {
    const answer = await fetch(app.url, { headers: { 'X-Api-Key': client } });
    await answer.text();
    return answer.status;
  }

  /** The statuses of requests that are all sent at once, by turns to each process. */
  function crowd(client: string, onAnswer = (): void => undefined): Promise<number[]> {
    return Promise.all(
      Array.from({ length: REQUESTS }, async (_, i) => {
        const answer = await status(client, apps[i % apps.length]);
        onAnswer();
        return answer;
      }),
    );
  }

  it('lets exactly the limit of 50 parallel requests pass, and has the count after a kill -9', async () => {
    const statuses = await crowd('ada');
    expect([count(statuses, 200), count(statuses, 429)]).to.deep.equal([LIMIT, REQUESTS - LIMIT]);
    await server.kill();
    expect(await status('ada')).to.equal(503);
    await server.restart();
    expect(await status('ada')).to.equal(429);
    expect(await status('bob')).to.equal(200);
  });

  it('lets no more than the limit pass when the server is killed in the middle of them @long', async () => {
    let killed: Promise<void> | undefined;
    const statuses = await crowd('eve', () => {
      killed ??= server.kill();
    });
    await killed;
    await server.restart();
    while (statuses.at(-1) !== 429) statuses.push(await status('eve'));
    const [passed, unknown] = [count(statuses, 200), count(statuses, 503)];
    expect(passed).to.be.at.most(LIMIT);
    // Each request that nobody knows the fate of may have been counted.
    expect(passed + unknown).to.be.at.least(LIMIT);
  });

  it('begins a new window when the first one is over @long', async () => {
    const app = await startApp(1);
    apps.push(app);
    for (let i = 0; i < LIMIT; i++) expect(await status('kim', app)).to.be.oneOf([200, 429]);
    while ((await status('kim', app)) !== 429);
    while ((await status('kim', app)) !== 200);
  });
});
