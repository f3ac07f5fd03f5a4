// Error replies of Redis: their meaning for the operation that got one.
//
// Invariant: `moved`, `asked`, `later`, `left`, and `alone` of a command in a bundle, say that Redis has not executed the command, so
// that it may be sent again.

export type ReplyError =
  /** That node serves the slot. */
  | { readonly kind: 'moved'; readonly slot: number; readonly host: string }
  /** The key is on its way to that node, which takes it after ASKING. */
  | { readonly kind: 'asked'; readonly host: string }
  /** The node cannot execute it at the moment. `loadsScripts`: it has forgotten the scripts. */
  | { readonly kind: 'later'; readonly loadsScripts: boolean }
  /** The script may not use the key: its slot moves, the node serves no slots, or the user may not use the key or the command. */
  | { readonly kind: 'alone' }
  /** The bundle of the command ended before it. */
  | { readonly kind: 'left' }
  | { readonly kind: 'refused'; readonly status: 'no-memory' | 'no-space' | 'damaged' | 'closed' }
  /** The reply is not known: the command may have been executed. */
  | { readonly kind: 'unknown' };

const NOT_NOW = /^(?:CLUSTERDOWN|TRYAGAIN|LOADING|READONLY|MASTERDOWN|BUSY|NOREPLICAS) /;
const NOT_IN_SCRIPT = /^(?:ERR )?(?:Script attempted to |The user executing the script )/;
const NOT_ALLOWED = /^(?:NOAUTH|NOPERM|WRONGPASS) /;
const PLACE = /^(MOVED|ASK) (\d+) (\S+)/;

/** Parses an error reply. `asker`: host:port that answered; a node without a name of its own says `:port` for its own host. */
export function meaningOf(message: string, asker: string): ReplyError {
  const place = PLACE.exec(message);
  if (place !== null) {
    const [, what, slot, named = ''] = place;
    const host = /^:\d+$/.test(named) ? `${asker.slice(0, asker.lastIndexOf(':'))}${named}` : named;
    return what === 'ASK' ? { kind: 'asked', host } : { kind: 'moved', slot: Number(slot), host };
  }
  if (NOT_NOW.test(message)) return { kind: 'later', loadsScripts: false };
  if (message.startsWith('NOSCRIPT ')) return { kind: 'later', loadsScripts: true };
  if (message.startsWith('OOM ')) return { kind: 'refused', status: 'no-memory' };
  if (message.startsWith('MISCONF ')) return { kind: 'refused', status: 'no-space' };
  if (message.startsWith('WRONGTYPE ')) return { kind: 'refused', status: 'damaged' };
  if (NOT_IN_SCRIPT.test(message)) return { kind: 'alone' };
  if (isNotAllowed(message)) return { kind: 'refused', status: 'closed' };
  return { kind: 'unknown' };
}

/** Checks whether the node refuses the login, or the user lacks a right. */
export function isNotAllowed(message: string): boolean {
  return NOT_ALLOWED.test(message);
}
