// Fifty clients on one key: the log's order decides, so counters, lists and cas loops come out exact, also when the server
// is killed half way and started again.

import { expect } from 'chai';
import { ServerProcess } from '../../tools/torture/server-process.js';
import { cairnLaunch, describeServers, temporaryFolder } from '../support/servers.js';
import { ConnectionLost, WireClient } from '../../tools/torture/wire-client.js';
import { removeFolder } from '../support/remove-folder.js';

const CLIENTS = 50;

function connectAll(port: number): Promise<WireClient[]> {
  return Promise.all(Array.from({ length: CLIENTS }, () => WireClient.connect(port)));
}

function closeAll(clients: readonly WireClient[]): void {
  for (const client of clients) client.close();
}

async function valueOf(client: WireClient, key: string): Promise<string> {
  const reply = await client.meta(`mg ${key} v\r\n`);
  return reply.slice(reply.indexOf('\r\n') + 2);
}

async function put(client: WireClient, key: string, value: string): Promise<void> {
  expect(await client.line(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`)).to.equal('STORED');
}

/** Adds one by gets and cas, and tries again until it was the first. */
async function addByCas(client: WireClient, key: string): Promise<void> {
  for (;;) {
    const reply = await client.meta(`mg ${key} c v\r\n`);
    const [line = '', value] = reply.split('\r\n');
    const next = String(Number(value) + 1);
    const token = / c(\d+)/.exec(line)?.[1];
    const stored = await client.line(`cas ${key} 0 0 ${next.length} ${token}\r\n${next}\r\n`);
    if (stored === 'STORED') return;
    expect(stored).to.equal('EXISTS');
  }
}

describeServers('fifty clients on one key @long', (server) => {
  let clients: WireClient[];
  let first: WireClient;

  before(async () => {
    clients = await connectAll(server.port());
    first = clients[0] as WireClient;
  });
  after(() => closeAll(clients));

  it('incr gives each client different numbers, and the right sum', async () => {
    await put(first, 'n', '0');
    const sums = clients.flatMap((client) =>
      Array.from({ length: 20 }, () => client.line('incr n 1\r\n')),
    );
    const seen = (await Promise.all(sums)).map(Number).sort((a, b) => a - b);
    expect(seen).to.deep.equal(Array.from({ length: CLIENTS * 20 }, (_, i) => i + 1));
    expect(await valueOf(first, 'n')).to.equal(String(CLIENTS * 20));
  });

  it('append keeps each piece once', async () => {
    await put(first, 'list', ';');
    const pieces = clients.flatMap((_, c) => Array.from({ length: 20 }, (_, i) => `${c}.${i}`));
    const replies = pieces.map((piece, i) => {
      const client = clients[Math.floor(i / 20)] as WireClient;
      return client.line(`append list 0 0 ${piece.length + 1}\r\n${piece};\r\n`);
    });
    expect(new Set(await Promise.all(replies))).to.deep.equal(new Set(['STORED']));
    const list = (await valueOf(first, 'list')).split(';').filter((piece) => piece !== '');
    expect(list.toSorted()).to.deep.equal(pieces.toSorted());
  });

  it('a cas loop loses no addition', async () => {
    await put(first, 'total', '0');
    await Promise.all(
      clients.map(async (client) => {
        for (let i = 0; i < 4; i++) await addByCas(client, 'total');
      }),
    );
    expect(await valueOf(first, 'total')).to.equal(String(CLIENTS * 4));
  });
});

describe('fifty clients on one key, across a kill -9 @long', function () {
  this.timeout(60_000);
  let dir: string;
  let server: ServerProcess;

  before(async () => {
    dir = temporaryFolder();
    server = await ServerProcess.start(cairnLaunch(dir));
  });
  after(async () => {
    await server.kill();
    removeFolder(dir);
  });

  /** Every client repeats `step` until the server is gone, which happens after `kill` acknowledgements. */
  async function untilKilled(
    kill: number,
    step: (client: WireClient, c: number, i: number) => Promise<void>,
  ): Promise<void> {
    const clients = await connectAll(server.port);
    let done = 0;
    const loops = clients.map(async (client, c) => {
      for (let i = 0; ; i++) {
        await step(client, c, i);
        done += 1;
        if (done === kill) void server.kill();
      }
    });
    for (const { status, reason } of (await Promise.allSettled(loops)) as PromiseRejectedResult[]) {
      expect(status).to.equal('rejected');
      if (!(reason instanceof ConnectionLost)) throw reason;
    }
    await server.exited;
    await server.restart();
  }

  it('incr: the sum is at least what was acknowledged, and at most what was requested', async () => {
    const setup = await WireClient.connect(server.port);
    await put(setup, 'n', '0');
    let asked = 0;
    let highest = 0;
    await untilKilled(500, async (client) => {
      asked += 1;
      highest = Math.max(highest, Number(await client.line('incr n 1\r\n')));
    });
    const reader = await WireClient.connect(server.port);
    expect(Number(await valueOf(reader, 'n'))).to.be.within(highest, asked);
    reader.close();
  });

  it('append: every acknowledged piece is there once, and no piece twice or unrequested', async () => {
    const setup = await WireClient.connect(server.port);
    await put(setup, 'list', ';');
    const asked: string[] = [];
    const acknowledged: string[] = [];
    await untilKilled(500, async (client, c, i) => {
      const piece = `${c}.${i}`;
      asked.push(piece);
      await client.line(`append list 0 0 ${piece.length + 1}\r\n${piece};\r\n`);
      acknowledged.push(piece);
    });
    const reader = await WireClient.connect(server.port);
    const list = (await valueOf(reader, 'list')).split(';').filter((piece) => piece !== '');
    expect(new Set(list).size, 'each once').to.equal(list.length);
    expect(list).to.include.members(acknowledged);
    expect(asked).to.include.members(list);
    reader.close();
  });

  it('cas: no acknowledged addition is missing', async () => {
    const setup = await WireClient.connect(server.port);
    await put(setup, 'total', '0');
    let added = 0;
    await untilKilled(60, async (client) => {
      await addByCas(client, 'total');
      added += 1;
    });
    const reader = await WireClient.connect(server.port);
    expect(Number(await valueOf(reader, 'total'))).to.be.within(added, added + CLIENTS);
    reader.close();
  });
});
