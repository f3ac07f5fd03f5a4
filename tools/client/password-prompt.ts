// Reads a password from the user: typed twice without an echo on a terminal, otherwise the first line of stdin. It
// never comes from the command line, where every user of the machine could read it.

import { EXIT } from '../../src/exit-codes.js';
import { ToolError } from '../terminal/program.js';

/** Rejects with 64 when the password is empty or the second one differs. */
export async function readPassword(input: NodeJS.ReadStream): Promise<string> {
  if (!input.isTTY) return checked(await firstLine(input));
  const password = checked(await typed(input, 'Password: '));
  if ((await typed(input, 'Again: ')) !== password) {
    throw new ToolError(EXIT.usage, 'The two passwords differ');
  }
  return password;
}

function checked(password: string): string {
  if (password === '') throw new ToolError(EXIT.usage, 'The password is empty');
  return password;
}

async function firstLine(input: NodeJS.ReadStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8').split(/\r?\n/)[0] ?? '';
}

function typed(input: NodeJS.ReadStream, question: string): Promise<string> {
  process.stderr.write(question);
  input.setRawMode(true);
  input.setEncoding('utf8');
  input.resume();
  return new Promise((resolve, reject) => {
    let text = '';
    const finish = (settle: () => void): void => {
      input.removeListener('data', take);
      input.setRawMode(false);
      input.pause();
      process.stderr.write('\n');
      settle();
    };
    const take = (chunk: string): void => {
      for (const character of chunk) {
        if (character === '\r' || character === '\n' || character === '\x04')
          return finish(() => resolve(text));
        if (character === '\x03')
          return finish(() => reject(new ToolError(EXIT.usage, 'Interrupted')));
        text = character === '\x7f' || character === '\b' ? text.slice(0, -1) : text + character;
      }
      return undefined;
    };
    input.on('data', take);
  });
}
