// kv-load: puts a dump of kv-dump, a table, or the strings of a Redis into a data directory or a running server, byte
// for byte (docs/tools.md).

import type { ExitCode } from '../../src/exit-codes.js';
import { addConnectionOptions } from '../client/connection-options.js';
import { Load } from './load.js';
import { parseColumns } from '../table/columns.js';
import { addExamples, createProgram, runTool } from '../terminal/program.js';

await runTool('kv-load', main);

async function main(): Promise<ExitCode> {
  const program = createProgram(
    'kv-load',
    'Load a dump, a table (CSV, ndjson) or a Redis into a store.',
  )
    .argument('<target>', 'data directory (no server running on it), or port, host[:port], socket')
    .argument(
      '<source>',
      'dump or table, gzipped or not; - for stdin; redis://[user@]host[:port][/db], rediss:// with TLS',
    )
    .option('--create', 'make the directory, or a store in it, when there is none')
    .option('--partial', 'take ndjson without its last line, picked or written by hand');
  program.option(
    '--columns <list>',
    'csv, ndjson: the column of each field, as key=id,value=body; others are left out',
    parseColumns,
  );
  program.option(
    '--redis-password-file <file>',
    'its first line is the password of the Redis (or REDISCLI_AUTH)',
  );
  program.option('--accept-clock', 'a directory: go on although the clock is over a day behind it');
  addConnectionOptions(program);
  addExamples(program, [
    ['kv-load new-data backup.json --create', 'a new store from a backup'],
    ['kv-load 127.0.0.1:11211 backup.json', 'into a running server'],
    ['kv-dump a --format ndjson | kv-load b -', 'from one store into another'],
    ['kv-load 11211 table.csv --columns key=id,value=body', 'two columns of a table'],
    ['kv-load data redis://db1:6379/0 --create', 'the strings of a Redis'],
  ]);
  program.addHelpText(
    'after',
    '\nKeys of the source replace those of the target; its other keys stay. Expired entries are left out.\n' +
      'A file is checked whole before anything is stored; stdin and a pipe cannot be. Loading again is safe.\n' +
      'Into a directory key, value, flags, expiry and CAS token are kept exactly. Through a server expiry\n' +
      'is kept to the second, and CAS tokens only where the server knows the meta flag E; keys and values\n' +
      "longer than the server's limits are refused.\n" +
      'Exit codes: 0 ok, 64 wrong use, 65 damaged dump or store, 66 no such file, directory or store, 69 no server,\n' +
      '71 the clock is behind the store, 74 I/O, 75 a server has the directory open, 76 no Redis, 77 no permission.',
  );
  program.parse();
  const [place = '', path = ''] = program.args;
  return new Load(program, place, path).run();
}
