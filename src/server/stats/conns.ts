// `stats conns`: the listeners, then the connections; the number before the colon is a running one.

import type { Services } from '../session.js';
import type { StatLines } from './lines.js';

export function connectionLines({ control }: Services): StatLines {
  return control.describeConnections().flatMap((one) => {
    const lines: (readonly [string, string | number])[] = [[`${one.id}:addr`, one.address]];
    if (one.listenAddress !== undefined) lines.push([`${one.id}:listen_addr`, one.listenAddress]);
    lines.push([`${one.id}:state`, one.state]);
    if (one.state !== 'conn_listening') {
      lines.push([`${one.id}:secs_since_last_cmd`, one.idleSeconds]);
    }
    return lines;
  });
}
