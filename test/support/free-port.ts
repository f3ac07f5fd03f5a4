// A port for a server that needs its port given to it. The kernel gives ports above 32768 to anyone that asks for any port,
// for example to other tests and to every client. The ports of this module lie below, so only another call can draw the same.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';

/** The range lies above the well-known ports and below the ports that Linux gives away (net.ipv4.ip_local_port_range). */
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
