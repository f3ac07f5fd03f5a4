// Asks a running server over its control socket, as kv-compact does.

import { connect } from 'node:net';
import { join } from 'node:path';

import { CONTROL_NAME } from '../../src/log/files.js';
import type { ControlAnswer, ControlRequest } from '../../src/store/control-messages.js';

/** The last answer: a result or an error; rejects when the server ends before. */
export function askControl(dir: string, request: ControlRequest): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(join(dir, CONTROL_NAME));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.end(`${JSON.stringify(request)}\n`));
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      const last = text.trimEnd().split('\n').at(-1) ?? '';
      if (last === '') reject(new Error('The control socket was closed without an answer'));
      else resolve(JSON.parse(last) as ControlAnswer);
    });
  });
}
