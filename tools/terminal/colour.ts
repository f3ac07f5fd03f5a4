// Colours for messages. picocolors decides once, for stdout (NO_COLOR, FORCE_COLOR, TERM=dumb). Messages on stderr
// ask about stderr itself, because one of the two is often a pipe.

import picocolors from 'picocolors';

type Colours = ReturnType<typeof picocolors.createColors>;

/** Returns the colours for a stream: none when it is not a terminal, unless FORCE_COLOR is set. */
export function coloursFor(stream: { readonly isTTY?: boolean }, env = process.env): Colours {
  return picocolors.createColors(wantsColour(stream, env));
}

function wantsColour(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['FORCE_COLOR'] ?? '') !== '' && env['FORCE_COLOR'] !== '0') return true;
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}
