// One server a test, stopped after it.

import { startServer, type TestServer, type TestServerOptions } from './test-server.js';

/** Call inside describe(): gives a starter whose servers end with the test. */
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
