// A port for a server that has to be told one. The kernel gives ports above 32768 to whoever asks for any, other tests and
// every client among them; these lie below, so only another call of this can draw the same one.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';

/** Above the ports that services are known by, below those that Linux gives away (net.ipv4.ip_local_port_range). */
const [FIRST, END] = [12_000, 32_000];

/** Resolves to a port on which nobody listens now, on any address. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    const listener = net.createServer();
    const heard = once(listener, 'listening').then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EADDRINUSE') throw error;
        return false;
      },
    );
    listener.listen(port);
    if (!(await heard)) continue;
    listener.close();
    await once(listener, 'close');
    return port;
  }
}
