// The tool's side of the control socket of a running server (control/messages.ts).

import net from 'node:net';

import { openSocketPath } from '../../src/env/socket-path.js';
import { ERROR_CODES, KvError, systemCode, type KvErrorCode } from '../../src/errors.js';
import { EXIT } from '../../src/exit-codes.js';
import { CONTROL_NAME } from '../../src/log/bytes/file-names.js';
import type {
  ControlAnswer,
  ControlProgress,
  ControlRequest,
  ControlResults,
} from '../../src/control/messages.js';
import { ToolError } from '../terminal/program.js';

/**
 * Asks the server that has `dir` open and resolves with the result. Throws the server's KvError, or a ToolError with
 * 69 when no server answers.
 */
export async function askServer<R extends ControlRequest>(
  dir: string,
  request: R,
  onProgress: (progress: ControlProgress) => void = () => {},
): Promise<ControlResults[R['command']]> {
  const place = openSocketPath(dir, CONTROL_NAME);
  try {
    const socket = await connect(place.path, dir);
    socket.write(`${JSON.stringify(request)}\n`);
    for await (const line of lines(socket)) {
      const answer = JSON.parse(line) as ControlAnswer;
      if ('progress' in answer) onProgress(answer.progress);
      else if ('error' in answer) throw serverError(answer.error);
      else return answer.result as ControlResults[R['command']];
    }
  } finally {
    place.close();
  }
  throw new ToolError(EXIT.unreachable, 'The server ended before it was done');
}

/** Checks whether a server has `dir` open, by its control socket. */
export async function isServed(dir: string): Promise<boolean> {
  const place = openSocketPath(dir, CONTROL_NAME);
  try {
    const socket = await connect(place.path, dir);
    socket.destroy();
    return true;
  } catch (error: unknown) {
    if (error instanceof ToolError) return false;
    throw error;
  } finally {
    place.close();
  }
}

function connect(path: string, dir: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error) => {
      const why = systemCode(error) ?? error.message;
      const message = `The process that has ${dir} open does not answer on its control socket (${why})`;
      reject(new ToolError(EXIT.unreachable, message, error));
    });
  });
}

async function* lines(socket: net.Socket): AsyncGenerator<string> {
  let text = '';
  for await (const chunk of socket) {
    text += (chunk as Buffer).toString('utf8');
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}

function serverError({ code, message }: { code: string; message: string }): KvError {
  const known = ERROR_CODES.find((name) => name === code);
  return new KvError(known ?? ('KV_IO' satisfies KvErrorCode), message);
}
