// One client session with a server: everything is sent at once and the sending side is closed; the reply is what comes back
// until the server closes. And the forms in which replies are compared.

import { connect } from 'node:net';
import { PREPARED, type TextCommand } from './programs.js';
import { responses } from '../support/binary-packets.js';

/** Only a server that hangs is silent for so long. */
const SILENCE_MS = 30_000;

/** Returns all bytes that a server sends for `request`. Rejects when the server neither sends nor closes. */
export function exchange(port: number, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.setTimeout(SILENCE_MS, () => {
      socket.destroy();
      reject(new Error(`No end after ${JSON.stringify(Buffer.concat(chunks).toString('latin1'))}`));
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A server that closed before it had read everything resets the connection: what it sent before counts.
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('end', () => socket.destroy());
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    socket.end(request);
  });
}

/**
 * Returns the request that follows command number `i` and marks the end of its reply: a miss of a key of its own. It is
 * sent twice, because a block that is announced too long swallows a part of one.
 */
export function sentinel(i: number): string {
  return `mg ~${i} k\r\n`.repeat(2);
}

/** Returns one reply per command; the replies after a server closed are missing. */
function splitAtSentinels(text: string): string[] {
  const replies: string[] = [];
  let rest = text;
  for (;;) {
    const mark = `EN k~${replies.length}\r\n`;
    const at = rest.indexOf(mark);
    if (at < 0) return [...replies, rest];
    replies.push(rest.slice(0, at));
    rest = rest.slice(at + mark.length);
    if (rest.startsWith(mark)) rest = rest.slice(mark.length);
  }
}

/**
 * Returns the replies of a text session, one string per command, in the form that is compared:
 * - CAS tokens, times and sizes in memory are hidden: each server has its own.
 * - 1.6.18 (Debian's) answers ERROR to a known command with too few words, newer versions answer CLIENT_ERROR bad command
 *   line format. After a refused line 1.6.18 reads its block as commands and refuses those too; newer versions skip it. So
 *   errors of these two kinds count as one kind, and repeated ones count once.
 * - Replies to what was prepared for memcached alone are cut away. A TTL may be a second less on one side.
 * - `noreply` silences such an error; 1.6.18 sends it all the same.
 * - 1.6.18 has one name for all mistakes in the flags of md.
 */
export function textReplies(bytes: Buffer, commands: readonly TextCommand[]): string[] {
  return splitAtSentinels(bytes.toString('latin1')).map((reply, i) =>
    reply
      .slice(
        reply.lastIndexOf(PREPARED_END) < 0
          ? 0
          : reply.lastIndexOf(PREPARED_END) + PREPARED_END.length,
      )
      .replaceAll(/^(?:HD|VA|EX|NS|NF) .*$/gm, hideMoving)
      .replaceAll(/^(ME \S+) .*$/gm, '$1')
      .replaceAll(/^(VALUE \S+ \d+ \d+) \d+\r\n/gm, '$1 cas\r\n')
      .replaceAll(/^VERSION .*$/gm, 'VERSION')
      .replaceAll(/^ERROR\r\n/gm, 'CLIENT_ERROR bad command line format\r\n')
      .replaceAll(/^(?:CLIENT_ERROR bad command line format\r\n)+/gm, 'ERROR\r\n')
      .replaceAll(/^((?:CLIENT|SERVER)_ERROR [^\r]*\r\n)(?:ERROR\r\n)+/gm, '$1')
      .replace(/^CLIENT_ERROR .*\r\n$/, (error) => (isDeletion(commands[i]) ? 'mistake' : error))
      .replace(/^ERROR\r\n$/, (error) => (isSilenced(commands[i]) ? '' : error)),
  );
}

function isSilenced(command: TextCommand | undefined): boolean {
  return typeof command === 'string' && command.includes(' noreply');
}

function isDeletion(command: TextCommand | undefined): boolean {
  return typeof command === 'string' && command.startsWith('md ');
}

const PREPARED_END = PREPARED.replace('mg ~prepared k', 'EN k~prepared');

/** Hides tokens (but not the absence of one) and idle seconds; rounds a TTL to ten seconds. */
export function hideMoving(line: string): string {
  return line
    .replaceAll(/ c[1-9]\d*/g, ' c*')
    .replaceAll(/ l\d+/g, ' l*')
    .replaceAll(/ t(\d+)/g, (_, seconds: string) => ` t${Math.ceil(Number(seconds) / 10)}0`);
}

/**
 * Returns the responses of a binary session. A CAS is shown only as present or absent. The version is not shown, nor are the
 * flags that memcached adds to the answer to Touch.
 */
export function binaryReplies(bytes: Buffer): string[] {
  return responses(bytes).map(({ cas, value, ...rest }) => {
    const shown = rest.opcode === 0x0b ? 'version' : value;
    const extras = rest.opcode === 0x1c ? '' : rest.extras;
    return JSON.stringify({ ...rest, extras, value: shown, cas: cas === 0n ? 0 : 'cas' });
  });
}
