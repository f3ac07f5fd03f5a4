// Transcripts of conversations with a server, as test/golden/wire keeps them:
//
//   # a comment
//   ! -F -A                       the flags of the server; this line comes once, first
//   > set k 0 0 1\r\nv\r\n        a request; line ends are shown, other bytes as \xNN
//   < STORED\r\n                  the reply, each line of it.
//   = closed                      The server closed the connection; a new one follows.
//
// The barrier that ends each reply is not shown.

import { TestClient } from './test-server.js';

interface Exchange {
  /** The lines of the file before the requests: flags, comments, blanks. */
  readonly preface: readonly string[];
  readonly sent: string;
}

interface Transcript {
  readonly argv: readonly string[];
  readonly exchanges: readonly Exchange[];
}

/** Parses a file of requests; the replies in it are only compared, as text. */
export function parseTranscript(text: string): Transcript {
  const exchanges: Exchange[] = [];
  let argv: string[] = [];
  let preface: string[] = [];
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('> ')) {
      exchanges.push({ preface, sent: line.slice(2) });
      preface = [];
      continue;
    }
    if (line.startsWith('< ') || line === '= closed') continue;
    if (line.startsWith('! ')) argv = line.slice(2).split(' ');
    preface.push(line);
  }
  return { argv, exchanges };
}

/** Plays it on one connection; returns the whole text of the file with the replies that came. */
export async function playTranscript(
  { exchanges }: Transcript,
  port: number,
  authFile: string,
): Promise<string> {
  const lines: string[] = [];
  let client = await TestClient.open(port);
  try {
    for (const { preface, sent } of exchanges) {
      lines.push(...preface, `> ${sent}`);
      const { reply, closed } = await ask(client, unescape(sent));
      lines.push(...masked(reply, sent, authFile).map((line) => `< ${line}`));
      if (!closed) continue;
      lines.push('= closed');
      client = await TestClient.open(port);
    }
  } finally {
    client.socket.destroy();
  }
  return `${lines.join('\n')}\n`;
}

const BARRIER = 'mn\r\n';
const PATIENCE_MS = 20_000;
/** The replies to the barrier; it is also refused until a client has authenticated. */
const BARRIER_REPLIES = [/^(?:[^]*\n)?MN\r\n$/, /^[^]*\nCLIENT_ERROR unauthenticated\r\n$/];

async function ask(
  client: TestClient,
  request: string,
): Promise<{ readonly reply: string; readonly closed: boolean }> {
  client.send(request + BARRIER);
  // A request that swallows the barrier would wait for ever; this shows which request it is.
  let isLate = false;
  const giveUp = setTimeout(() => {
    isLate = true;
    client.socket.destroy();
  }, PATIENCE_MS);
  const answer = await readReply(client);
  clearTimeout(giveUp);
  if (isLate) throw new Error(`No whole reply to ${escape(request)}, only ${escape(answer.reply)}`);
  return answer;
}

async function readReply(
  client: TestClient,
): Promise<{ readonly reply: string; readonly closed: boolean }> {
  let received = '';
  for (;;) {
    const more = await client.some();
    if (more === '') return { reply: received, closed: true };
    received += more;
    if (BARRIER_REPLIES.some((end) => end.test(received))) break;
  }
  const reply = received.slice(0, received.lastIndexOf('\n', received.length - 2) + 1);
  return { reply, closed: false };
}

/** Returns the lines of the reply, escaped; numbers that differ from run to run are stars. */
function masked(reply: string, request: string, authFile: string): string[] {
  const lines = reply.split(/(?<=\n)/).filter((line) => line !== '');
  const isStats = request.startsWith('stats') && !request.startsWith('stats cachedump');
  return lines.map((line) => {
    const text = escape(line.replaceAll(authFile, '<auth file>'));
    if (isStats) return text.replace(/^(STAT \S+ ).*?(\\r\\n)$/, '$1*$2');
    return text.replaceAll(/\b(la|ts)=[\d.]+/g, '$1=*').replaceAll(/ l\d+\b/g, ' l*');
  });
}

function escape(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('\r', '\\r')
    .replaceAll('\n', '\\n')
    .replaceAll(/[^\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Undoes the escapes: `\xNN*300` is that byte 300 times. */
function unescape(text: string): string {
  return text.replaceAll(
    /\\(?:x([0-9a-f]{2})(?:\*(\d+))?|(.))/g,
    (_, hex: string | undefined, times: string | undefined, letter: string | undefined) => {
      if (hex !== undefined)
        return String.fromCharCode(Number.parseInt(hex, 16)).repeat(Number(times ?? 1));
      return letter === 'r' ? '\r' : letter === 'n' ? '\n' : (letter ?? '');
    },
  );
}
