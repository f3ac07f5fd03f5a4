// examples/stale-while-revalidate: two proxies over one store, and an origin that counts who asks it and answers when the
// test lets it.

import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';

import { ExampleProcess } from '../support/example-process.js';
import { ExampleServer } from '../support/example-server.js';

const REQUESTS = 20;

interface Page {
  readonly body: string;
  readonly how: string | null;
}

/** Holds each request until the test answers it. */
class Origin {
  asked = 0;
  readonly #web: Server;
  readonly #held: ServerResponse[] = [];
  #wake: () => void = () => undefined;
  #ready: string | undefined;

  constructor() {
    this.#web = createServer((_request, response) => {
      this.asked++;
      if (this.#ready === undefined) this.#held.push(response);
      else response.end(this.#ready);
      this.#wake();
    });
  }

  async start(): Promise<string> {
    this.#web.listen(0, '127.0.0.1');
    await once(this.#web, 'listening');
    return `http://127.0.0.1:${(this.#web.address() as AddressInfo).port}`;
  }

  /** Answers the next request, which may still have to come. */
  async answer(body: string, status = 200): Promise<void> {
    while (this.#held.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#held.shift()?.writeHead(status).end(body);
  }

  /** Answers all requests from now on at once. */
  answerAll(body: string): void {
    this.#ready = body;
    for (const response of this.#held.splice(0)) response.end(body);
  }

  stop(): void {
    this.#web.close();
    this.#web.closeAllConnections();
  }
}

describe('examples/stale-while-revalidate', () => {
  let server: ExampleServer;
  let origin: Origin;
  let proxies: ExampleProcess[] = [];

  before(async () => {
    server = await ExampleServer.start();
    origin = new Origin();
    const env = { CAIRN: server.address, ORIGIN: await origin.start() };
    const start = (): Promise<ExampleProcess> =>
      ExampleProcess.start('stale-while-revalidate/proxy.mjs', env);
    proxies = await Promise.all([start(), start()]);
  });
  after(async () => {
    await Promise.all(proxies.map((proxy) => proxy.kill()));
    origin.stop();
    await server.stop();
  });

  async function page(path: string, proxy = proxies[0]!): Promise<Page> {
    const answer = await fetch(proxy.url + path);
    return { body: await answer.text(), how: answer.headers.get('x-cache') };
  }

  /** All at once, by turns to each proxy. */
  function crowd(path: string): Promise<Page[]> {
    return Promise.all(
      Array.from({ length: REQUESTS }, (_, i) => page(path, proxies[i % proxies.length])),
    );
  }

  async function purge(path: string): Promise<void> {
    expect((await fetch(proxies[0]!.url + path, { method: 'PURGE' })).status).to.equal(204);
  }

  /** Asks until the page is this one: the proxy stores it some time after the origin has answered. */
  async function becomes(path: string, body: string): Promise<Page> {
    for (;;) {
      const found = await page(path);
      if (found.body === body) return found;
    }
  }

  it('asks the origin once when all want a page that is in no cache', async () => {
    origin.asked = 0;
    const [pages] = await Promise.all([crowd('/new'), origin.answer('first')]);
    expect(new Set(pages.map(({ body }) => body))).to.deep.equal(new Set(['first']));
    expect(pages.filter(({ how }) => how === 'computed')).to.have.length(1);
    expect(origin.asked).to.equal(1);
  });

  it('gives everybody the stale page while one asks the origin', async () => {
    await Promise.all([page('/old'), origin.answer('old')]);
    await purge('/old');
    origin.asked = 0;
    // The origin has not answered yet: nobody waits for it.
    for (const each of await crowd('/old')) {
      expect(each).to.deep.equal({ body: 'old', how: 'stale' });
    }
    await origin.answer('new');
    await becomes('/old', 'new');
    expect(origin.asked).to.equal(1);
  });

  it('has the pages after a kill -9 of the server, and who may recompute', async () => {
    await Promise.all([page('/kept'), origin.answer('kept')]);
    await Promise.all([page('/won'), origin.answer('won')]);
    await purge('/won');
    expect(await page('/won')).to.deep.equal({ body: 'won', how: 'stale' });
    origin.asked = 0;
    await server.kill();
    await server.restart();
    for (const { body } of await crowd('/kept')) expect(body).to.equal('kept');
    for (const each of await crowd('/won')) {
      expect(each).to.deep.equal({ body: 'won', how: 'stale' });
    }
    expect(origin.asked).to.equal(0);
    await origin.answer('again');
    await becomes('/won', 'again');
  });

  it('hands the failure of the origin on, and lets the next client try at once', async () => {
    await Promise.all([page('/broken'), origin.answer('no', 500)]);
    expect(proxies[0]!.output).to.contain('The origin answers /broken with 500');
    const [{ body, how }] = await Promise.all([page('/broken'), origin.answer('repaired')]);
    expect([body, how]).to.deep.equal(['repaired', 'computed']);
  });

  it('stores as stale what was computed before the page was purged again', async () => {
    await Promise.all([page('/twice'), origin.answer('one')]);
    await purge('/twice');
    expect((await page('/twice')).body).to.equal('one');
    await purge('/twice');
    await origin.answer('two');
    expect(await becomes('/twice', 'two')).to.deep.equal({ body: 'two', how: 'stale' });
    origin.answerAll('three');
    while ((await page('/twice')).how !== 'fresh');
    expect((await page('/twice')).body).to.equal('three');
  });
});
