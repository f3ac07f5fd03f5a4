// examples/express-sessions: carts over a kill -9 of the server while visitors fill them, and of the shop.

import { expect } from 'chai';

import { ExampleProcess } from '../support/example-process.js';
import { ExampleServer } from '../support/example-server.js';

const VISITORS = 4;
/** Items of all visitors before the server is killed. */
const ITEMS_BEFORE = 40;
/** Items of each visitor after the server is back. */
const ITEMS_AFTER = 5;

class Visitor {
  readonly acknowledged: string[] = [];
  readonly #sent = new Set<string>();
  #cookie = '';

  /** Checks whether the shop said that the item is in the cart. */
  async add(shop: ExampleProcess): Promise<boolean> {
    const item = `item-${this.#sent.size}`;
    this.#sent.add(item);
    const answer = await this.#ask(`${shop.url}/cart/${item}`, 'POST');
    if (answer.ok) this.acknowledged.push(item);
    else expect(answer.status).to.equal(503);
    await answer.text();
    return answer.ok;
  }

  async expectCart(shop: ExampleProcess): Promise<void> {
    const answer = await this.#ask(`${shop.url}/cart`, 'GET');
    expect(answer.status).to.equal(200);
    const cart = (await answer.json()) as string[];
    expect(cart).to.include.members(this.acknowledged);
    expect(cart.filter((item) => !this.#sent.has(item))).to.deep.equal([]);
  }

  async leave(shop: ExampleProcess): Promise<void> {
    const answer = await this.#ask(`${shop.url}/logout`, 'POST');
    expect(await answer.json()).to.deep.equal([]);
    this.acknowledged.length = 0;
    this.#sent.clear();
  }

  async #ask(url: string, method: string): Promise<Response> {
    const answer = await fetch(url, { method, headers: { cookie: this.#cookie } });
    this.#cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? this.#cookie;
    return answer;
  }
}

describe('examples/express-sessions', () => {
  let server: ExampleServer;
  let shop: ExampleProcess;
  const startShop = (): Promise<ExampleProcess> =>
    ExampleProcess.start('express-sessions/app.mjs', {
      CAIRN: server.address,
      SESSION_SECRET: 'of this test',
    });

  before(async () => {
    server = await ExampleServer.start();
    shop = await startShop();
  });
  after(async () => {
    await shop.kill();
    await server.stop();
  });

  it('keeps every item that it acknowledged, over a kill -9 of the server and of itself', async () => {
    const visitors = Array.from({ length: VISITORS }, () => new Visitor());
    let items = 0;
    let refusals = 0;
    let back: Promise<void> | undefined;
    const fill = async (visitor: Visitor): Promise<void> => {
      while (await visitor.add(shop)) {
        if (++items === ITEMS_BEFORE) back = server.kill().then(() => server.restart());
      }
      refusals++;
      await back;
      for (let i = 0; i < ITEMS_AFTER;) if (await visitor.add(shop)) i++;
    };
    await Promise.all(visitors.map(fill));

    expect(refusals).to.equal(VISITORS);
    await shop.kill();
    shop = await startShop();
    await Promise.all(visitors.map((visitor) => visitor.expectCart(shop)));
    await visitors[0]!.leave(shop);
    await Promise.all(visitors.map((visitor) => visitor.expectCart(shop)));
  });
});
