// examples/feature-flags: flags that are set while the process with the store is killed, and what its cache tells.

import { expect } from 'chai';

import { ExampleProcess } from '../support/example-process.js';
import { temporaryFolder } from '../support/servers.js';
import { removeFolder } from '../support/remove-folder.js';

const WRITERS = 8;
const WRITES_BEFORE = 60;

/** Resolves when the app tells events from now on. */
async function listen(app: ExampleProcess): Promise<AsyncGenerator<unknown, undefined>> {
  const { body } = await fetch(`${app.url}/events`);
  expect(body).not.to.equal(null);
  return eventsOf(body!);
}

async function* eventsOf(body: AsyncIterable<unknown>): AsyncGenerator<unknown, undefined> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of body) {
    text += decoder.decode(bytes as Uint8Array, { stream: true });
    const events = text.split('\n\n');
    text = events.pop() ?? '';
    for (const event of events) yield JSON.parse(event.replace('data: ', ''));
  }
  return undefined;
}

describe('examples/feature-flags', () => {
  let dir = '';
  let app: ExampleProcess;
  const start = (): Promise<ExampleProcess> =>
    ExampleProcess.start('feature-flags/app.mjs', { FLAGS_DIR: dir });

  before(async () => {
    dir = temporaryFolder();
    app = await start();
  });
  after(async () => {
    await app.kill();
    removeFolder(dir);
  });

  async function set(query: string): Promise<number> {
    return (await fetch(`${app.url}/flags/${query}`, { method: 'PUT' })).status;
  }
  async function all(): Promise<Record<string, number>> {
    return (await (await fetch(`${app.url}/flags`)).json()) as Record<string, number>;
  }
  async function greeting(user: string): Promise<string> {
    return (await fetch(`${app.url}/hello/${user}`)).text();
  }

  it('greets in the new way those for whom the flag is on', async () => {
    const events = await listen(app);
    expect(await greeting('ada')).to.equal('Hello ada\n');
    await set('new-greeting?percent=100');
    expect(await events.next()).to.deep.include({ value: { name: 'new-greeting', percent: 100 } });
    expect(await greeting('ada')).to.equal('Welcome back, ada!\n');

    await set('new-greeting?percent=30');
    await events.next();
    const users = Array.from({ length: 200 }, (_, i) => `user${i}`);
    const greetings = await Promise.all(users.map(greeting));
    const share = greetings.filter((text) => text.startsWith('Welcome')).length / users.length;
    expect(share).to.be.within(0.15, 0.45);
    expect(await Promise.all(users.map(greeting))).to.deep.equal(greetings);
    await events.return(undefined);
  });

  it('tells when a flag is removed, and when its time is over', async () => {
    const events = await listen(app);
    for (const name of ['trial', 'short']) {
      await set(`${name}?percent=50&seconds=${name === 'short' ? 0.5 : 3600}`);
      expect(await events.next()).to.deep.include({ value: { name, percent: 50 } });
      if (name === 'trial') await fetch(`${app.url}/flags/trial`, { method: 'DELETE' });
      expect(await events.next()).to.deep.include({ value: { name, percent: null } });
    }
    expect(await all()).not.to.have.any.keys('trial', 'short');
    await events.return(undefined);
  });

  it('refuses what is no percentage', async () => {
    for (const query of ['x', 'x?percent=', 'x?percent=101', 'x?percent=-1', 'x?percent=a'])
      expect(await set(query), query).to.equal(400);
  });

  it('has every flag that was acknowledged after a kill -9 of the process', async () => {
    let writes = 0;
    let killed: Promise<unknown> | undefined;
    /** The percentages that this flag may have: the acknowledged one and those after it. */
    const write = async (name: string): Promise<[string, number, number]> => {
      for (let percent = 1; ; percent++) {
        const isKept = await set(`${name}?percent=${percent % 101}`).catch(() => undefined);
        if (isKept !== 204) return [name, percent - 1, percent];
        if (++writes === WRITES_BEFORE) killed = app.kill();
      }
    };
    const names = Array.from({ length: WRITERS }, (_, i) => `writer${i}`);
    const outcomes = await Promise.all(names.map(write));
    await killed;
    app = await start();
    const flags = await all();
    expect(writes).to.be.at.least(WRITES_BEFORE);
    for (const [name, acknowledged, sent] of outcomes)
      expect(flags[name], name).to.be.oneOf([acknowledged % 101, sent % 101]);
  });
});
