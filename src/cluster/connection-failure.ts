// Text of a connection that failed, in one line: the libraries add source lines of OpenSSL, times and empty notes to it, and
// name what they did instead of what the node did.

/** Parts of a library's text, and what they mean for an operator. */
const MEANINGS: readonly (readonly [part: RegExp, meaning: string])[] = [
  [/wrong version number|packet length too long/, 'it speaks no TLS there'],
  [
    /alert (?:bad certificate|certificate required|unknown ca)|certificate required/,
    'it refuses the certificate of this server: see cert= and key=',
  ],
  [
    /unable to verify|self[- ]signed certificate|unable to get (?:local )?issuer/,
    'its certificate is not signed by an authority that this server knows: see ca=',
  ],
  [/^Cancelled on client/, 'it does not answer in time'],
  [/Protocol error|^Failed to connect/, 'it ends the connection, or speaks another protocol'],
  [/EPIPE|ECONNRESET|^Stream isn't writeable/, 'it ended the connection'],
];
const BEFORE = /^(?:No connection established\. Last error: )?(?:Error: )?/;
const BEHIND = /\s*(?:\(\d{4}-\d\d-\d\dT[\d:.]+Z\))?\.?\s*(?:Resolution note:\s*)?\.?\s*$/;

/** Returns what an operator needs of `text`, without a full stop at its end. */
export function connectionFailureText(text: string): string {
  const known = MEANINGS.find(([part]) => part.test(text.replace(BEFORE, '')));
  return known?.[1] ?? text.replace(BEFORE, '').replace(BEHIND, '');
}
