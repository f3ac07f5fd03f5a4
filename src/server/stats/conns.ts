// `stats conns`: the listeners, then the connections. The number before the colon is a running number.

import type { ConnectionDescription } from '../session.js';

export function connectionLines(one: ConnectionDescription): (readonly [string, string])[] {
  const lines: (readonly [string, string])[] = [[`${one.id}:addr`, one.address]];
  if (one.listenAddress !== undefined) lines.push([`${one.id}:listen_addr`, one.listenAddress]);
  lines.push(
    [`${one.id}:state`, one.state],
    [`${one.id}:secs_since_last_cmd`, String(one.idleSeconds)],
  );
  return lines;
}
