// The log of the engine while a tool uses it: prints warnings and errors on stderr, one line each.

import { printable, printableLines } from '../../src/printable.js';
import type { LogFields, Logger } from '../../src/env/env.js';

export function toolLogger(name: string): Logger {
  const say = (message: string, fields: LogFields = {}): void => {
    const told = Object.entries(fields).filter(([, value]) => value !== undefined);
    const details = told.map(([field, value]) => ` ${field}=${printable(String(value))}`).join('');
    process.stderr.write(`${name}: ${printableLines(message)}${details}\n`);
  };
  return { debug: () => {}, info: () => {}, warn: say, error: say };
}
