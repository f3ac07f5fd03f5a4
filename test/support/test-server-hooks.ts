// One server per test, stopped after the test.

import { startServer, type TestServer, type TestServerOptions } from './test-server.js';

/** Returns a starter whose servers end with the test. Call it inside describe(). */
export function serversOf(): (options?: TestServerOptions) => Promise<TestServer> {
  const running: TestServer[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.stop()));
  });
  return async (options) => {
    const server = await startServer(options);
    running.push(server);
    return server;
  };
}
