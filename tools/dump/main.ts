// kv-dump: prints a store, or the items of a memcached server, as JSON or as a table. It takes no lock on a directory
// and changes nothing in it, whether its server is running, stopped or crashed (docs/tools.md).

import type { Command } from 'commander';

import { nodeEnv } from '../../src/env/node-env.js';
import { EXIT, type ExitCode } from '../../src/exit-codes.js';
import type { Moment } from '../../src/offline/past-segments.js';
import {
  addConnectionOptions,
  readConnectionOptions,
  refuseConnectionOptions,
} from '../client/connection-options.js';
import type { Endpoint } from '../client/endpoint.js';
import { placeNamed, serverOnHost } from '../client/server-place.js';
import { isRedisUrl } from '../load/redis-url.js';
import type { MomentOptions } from '../terminal/moment.js';
import { toolLogger } from '../terminal/logger.js';
import { becomesFile } from '../terminal/output-file.js';
import { addExamples, createProgram, runTool, ToolError } from '../terminal/program.js';
import { countOf } from '../terminal/quantity.js';
import { isEtcdUrl } from '../terminal/store-url.js';
import { parseColumns, type Column } from '../table/columns.js';
import { allColumns, type DumpForm } from './dump-form.js';

interface Options extends MomentOptions {
  readonly out?: string;
  readonly format?: 'json' | 'ndjson' | 'csv';
  readonly columns?: readonly Column[];
  readonly prefix: string;
  readonly keysOnly?: boolean;
  readonly storeAuthFile?: string;
}

await runTool('kv-dump', main);

async function main(): Promise<ExitCode> {
  const program = createProgram('kv-dump', 'Print a store, or what a memcached server holds.');
  const { momentOf } = await addOptions(program);
  addHelp(program);
  program.parse();
  const [word = ''] = program.args;
  const options = program.opts<Options>();
  if (isEtcdUrl(word)) return dumpEtcd(program, word, options);
  const endpoint = await serverNamed(word);
  if (endpoint !== undefined) return dumpServer(program, endpoint, options);
  if (program.getOptionValueSource('storeAuthFile') === 'cli')
    throw new ToolError(EXIT.usage, '--store-auth-file is for etcd://… and a server over it');
  return dump(word, options, momentOf(options));
}

async function addOptions(
  program: Command,
): Promise<{ momentOf: (options: MomentOptions) => Moment | undefined }> {
  const { Option } = await import('commander');
  const { addMomentOptions, momentOf } = await import('../terminal/moment.js');
  program
    .argument(
      '<source>',
      'data directory (a server may be running on it) or backup; memcached://host:port, port, host[:port], socket; or etcd://host,host,host[/prefix], etcds://',
    )
    .option(
      '-o, --out <file>',
      'output: a file (replaced when all is written), a pipe, a device, or - for stdout',
    )
    .addOption(
      new Option(
        '--format <form>',
        'json with a checksum, ndjson: one object per line, or csv (default: json, of a server or etcd ndjson)',
      ).choices(['json', 'ndjson', 'csv']),
    )
    .addOption(
      new Option(
        '--columns <list>',
        'csv, ndjson: only these fields, as key,value or under other names: key=id,value=body',
      ).argParser(parseColumns),
    )
    .option('--prefix <text>', 'only keys that begin with it', '')
    .option('--keys-only', 'leave the values out (cannot be loaded)');
  program.optionsGroup('An earlier moment of a directory:');
  addMomentOptions(program);
  addConnectionOptions(program);
  program
    .optionsGroup('A cluster of etcd:')
    .addOption(
      new Option(
        '--store-auth-file <file>',
        'its first line is user:password (or CAIRN_STORE_AUTH)',
      ).env('CAIRN_STORE_AUTH_FILE'),
    );
  return { momentOf };
}

function addHelp(program: Command): void {
  addExamples(program, [
    ['kv-dump data > backup.json', 'everything, at one moment'],
    ['kv-dump data --format ndjson --prefix user: | jq .key', 'some keys'],
    [
      'kv-dump data --before-flush > undo.json',
      'with kv-load: takes a flush_all back (--keep-history)',
    ],
    ['kv-dump data --format csv --columns key,value > t.csv', 'a table'],
    ['kv-dump memcached://old:11211 | kv-load data - --create', 'away from memcached'],
    ['kv-dump etcd://db1,db2,db3 --out all.ndjson', 'a store over etcd, at one revision'],
  ]);
  program.addHelpText(
    'after',
    '\nTakes no lock on a directory and changes nothing. A dump of etcd://… is of one revision, and so is\n' +
      'a dump of a server whose etcd can be reached from here. A dump of any other server is not of one moment.\n' +
      'Exit codes: 0 fine, 64 wrong use, 65 damage found: see kv-check, 66 no such directory, store or moment,\n' +
      '69 no server or cluster, 74 I/O, 76 no memcached server, 77 no permission.',
  );
}

/** Returns undefined when the word names a directory, whether it exists or not. */
async function serverNamed(word: string): Promise<Endpoint | undefined> {
  // The message does not repeat the word, which may hold a password.
  if (isRedisUrl(word))
    throw new ToolError(
      EXIT.usage,
      'A Redis cluster has no single moment to dump: dump a store over it through its server (kv-dump host:port), and read any other Redis with kv-load (kv-load <target> redis://…)',
    );
  const place = await placeNamed(word);
  if (place.kind === 'server') return place.endpoint;
  return place.kind === 'nothing' && place.mayBeHost ? serverOnHost(word) : undefined;
}

async function dump(dir: string, options: Options, moment: Moment | undefined): Promise<ExitCode> {
  const { writeDump } = await import('./write-dump.js');
  const { out = '-', prefix, keysOnly = false } = options;
  const env = nodeEnv(toolLogger('kv-dump'));
  const form = formOf(options, 'json');
  const { count, seq } = await writeDump(env, dir, out, { form, prefix, keysOnly, moment });
  if (options.out !== undefined)
    process.stderr.write(`${countOf(count, 'key')} at seq ${seq} in ${out}\n`);
  return EXIT.ok;
}

async function dumpServer(
  program: Command,
  endpoint: Endpoint,
  options: Options,
): Promise<ExitCode> {
  const { out = '-', prefix, keysOnly = false, storeAuthFile } = options;
  refuseMoments(options, 'this is a server');
  const form = await unboundedFormOf(options, out, 'a server');
  const { writeServerDump } = await import('./server-dump.js');
  const server = { endpoint, options: await readConnectionOptions(program), storeAuthFile };
  const env = nodeEnv(toolLogger('kv-dump'));
  await writeServerDump(env, server, out, { form, prefix, keysOnly });
  return EXIT.ok;
}

async function dumpEtcd(program: Command, word: string, options: Options): Promise<ExitCode> {
  const { out = '-', prefix, keysOnly = false, storeAuthFile } = options;
  refuseMoments(options, 'this is a cluster, read at its newest revision');
  refuseConnectionOptions(
    program,
    'is for a server: TLS is etcds://…?ca=<file>, the login is in --store-auth-file',
  );
  const form = await unboundedFormOf(options, out, 'a cluster');
  const { etcdPlace, writeEtcdDump } = await import('./etcd-dump.js');
  const env = nodeEnv(toolLogger('kv-dump'));
  const place = etcdPlace(word);
  await writeEtcdDump(env, place, storeAuthFile, out, { form, prefix, keysOnly });
  return EXIT.ok;
}

function refuseMoments({ at, seq, beforeFlush }: Options, why: string): void {
  const moments = { '--at': at, '--seq': seq, '--before-flush': beforeFlush };
  for (const [name, value] of Object.entries(moments)) {
    if (value === undefined) continue;
    throw new ToolError(EXIT.usage, `${name} is for a data directory, and ${why}`);
  }
}

/** Returns the form for a source that does not know its number of keys before the last one. */
async function unboundedFormOf(options: Options, out: string, source: string): Promise<DumpForm> {
  const form = formOf(options, 'ndjson');
  // That form begins with the number of entries, which is known only at the end.
  if (form.form !== 'json' || (await becomesFile(out))) return form;
  const why = `json begins with the number of keys, which ${source} does not know`;
  throw new ToolError(EXIT.usage, `${why}: use --out <file>, or --format ndjson`);
}

function formOf(options: Options, standard: 'json' | 'ndjson'): DumpForm {
  const { format = standard, columns, keysOnly = false } = options;
  if (format !== 'csv' && columns === undefined) return { kind: 'snapshot', form: format };
  if (format === 'json')
    throw new ToolError(EXIT.usage, '--columns is for a table: --format csv or ndjson');
  if (keysOnly && columns?.some(({ field }) => field === 'value' || field === 'encoding') === true)
    throw new ToolError(EXIT.usage, '--keys-only leaves out what --columns names');
  return { kind: 'table', form: format, columns: columns ?? allColumns(keysOnly) };
}
