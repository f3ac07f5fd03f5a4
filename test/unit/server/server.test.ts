import { expect } from 'chai';

import { startServer, type TestServer, type TestServerOptions } from '../../support/test-server.js';

describe('server', () => {
  let running: TestServer;
  const start = async (options?: TestServerOptions): Promise<TestServer> => {
    running = await startServer(options);
    return running;
  };
  afterEach(() => running.stop());

  it('answers set and get', async () => {
    await start();
    const client = await running.connect();
    expect(await client.ask('set a 5 0 3\r\nabc\r\n', 'STORED\r\n')).to.equal('STORED\r\n');
    const hit = 'VALUE a 5 3\r\nabc\r\nEND\r\n';
    expect(await client.ask('get a\r\n', hit)).to.equal(hit);
  });
});
