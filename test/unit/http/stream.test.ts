// Stream: the number of endless answers, and the time for which a client may leave a piece unread.

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect } from 'chai';

import type { Clock } from '../../../src/env/env.js';
import { Exchange } from '../../../src/http/exchange.js';
import { Guests, type Visitor } from '../../../src/http/guests.js';
import type { Stream } from '../../../src/http/stream.js';
import { nodeClock } from '../../../src/env/node-env.js';

const STREAMS_MAX = 8;
const PIECE = Buffer.alloc(1024 * 1024, '.');

interface FakeTimer {
  readonly call: () => void;
  isSet: boolean;
}

describe('Stream', () => {
  let timers: FakeTimer[];
  let server: http.Server;
  let url: string;
  let streams: (Stream | undefined)[];
  let begun: () => void;

  const clock: Clock = {
    ...nodeClock,
    setTimer: (_delayMs, call) => {
      const timer = { call, isSet: true };
      timers.push(timer);
      return { cancel: () => (timer.isSet = false) };
    },
  };

  beforeEach(async () => {
    timers = [];
    streams = [];
    const guests = new Guests(clock);
    const visitors = new WeakMap<object, Visitor>();
    server = http.createServer((request, response) => {
      const guest = visitors.get(request.socket)!;
      streams.push(new Exchange(request, response, guests, guest).stream('text/plain'));
      begun();
    });
    server.on('connection', (socket) => visitors.set(socket, guests.enter(socket)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  async function ask(): Promise<http.IncomingMessage> {
    const isBegun = new Promise<void>((resolve) => (begun = resolve));
    const request = http.get(url, { agent: false });
    request.on('error', () => undefined);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    await isBegun;
    return response;
  }

  it('sends pieces as they come, and has no deadline as a whole', async () => {
    const response = await ask();
    expect(timers.filter(({ isSet }) => isSet)).to.deep.equal([]);
    await streams[0]!.send('one\n');
    expect(String((await once(response, 'data'))[0])).to.equal('one\n');
    await streams[0]!.send('two\n');
    expect(String((await once(response, 'data'))[0])).to.equal('two\n');
    streams[0]!.end();
    response.resume();
    await once(response, 'end');
  });

  it('drops a client that leaves a piece unread for too long', async () => {
    const response = await ask();
    response.pause();
    const [stream] = streams;
    let isWaiting = false;
    while (!isWaiting) {
      const sending = stream!.send(PIECE);
      isWaiting = await Promise.race([sending.then(() => false), nextTurn().then(() => true)]);
      if (isWaiting) {
        const due = timers.filter(({ isSet }) => isSet);
        expect(due).to.have.lengthOf(1);
        due[0]!.call();
        await sending;
      }
    }
    expect(stream!.ended.aborted).to.equal(true);
  });

  it(`has ${STREAMS_MAX} places, and frees a place when its client has gone`, async () => {
    const responses = [];
    for (let count = 0; count < STREAMS_MAX; count += 1) responses.push(await ask());
    const refused = await ask();
    expect(refused.statusCode).to.equal(503);
    refused.resume();
    const ended = once(streams[0]!.ended, 'abort');
    responses[0]!.destroy();
    await ended;
    expect((await ask()).statusCode).to.equal(200);
  });
});

/** Resolves after everything that is already due in this turn of the loop. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}
