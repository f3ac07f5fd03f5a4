#!/usr/bin/env node
// kv-load: puts what kv-dump wrote into a data directory or a running server, byte for byte
// (docs/tools.md).

import { stat } from 'node:fs/promises';

import type { Command } from 'commander';

import { EXIT, type ExitCode } from '../src/exit-codes.js';
import { addConnectionOptions, readConnectionOptions } from './client/connection-options.js';
import { parseEndpoint, type Endpoint } from './client/endpoint.js';
import { EntryStream } from './load/entry-stream.js';
import type { LoadTarget } from './load/load-target.js';
import { addExamples, createProgram, runTool } from './terminal/program.js';
import { startProgress } from './terminal/progress.js';
import { countOf, formatCount, formatDuration } from './terminal/quantity.js';

await runTool('kv-load', main);

async function main(): Promise<ExitCode> {
  const program = createProgram(
    'kv-load',
    'Load a dump (JSON or ndjson, as kv-dump writes it) into a store.',
  )
    .argument('<target>', 'data directory (no server running on it), or port, host:port, socket')
    .argument('<file>', 'the dump; - for stdin');
  program.option('--accept-clock', 'a directory: go on although the clock is over a day behind it');
  addConnectionOptions(program);
  addExamples(program, [
    ['kv-load new-data backup.json', 'a new store from a backup'],
    ['kv-load 127.0.0.1:11211 backup.json', 'into a running server'],
    ['kv-dump a --format ndjson | kv-load b -', 'from one store into another'],
  ]);
  program.addHelpText(
    'after',
    '\nKeys of the dump replace those of the target; its other keys stay. Expired entries are left out.\n' +
      'A file is checked whole before anything is stored; stdin cannot be.\n' +
      'Into a directory key, value, flags, expiry and CAS token are kept exactly. Through a server expiry\n' +
      'is kept to the second, and CAS tokens only where the server knows the meta flag E; keys and values\n' +
      "longer than the server's limits are refused.\n" +
      'Exit codes: 0 ok, 64 wrong use, 65 damaged dump or store, 66 no such file, 69 no server, 71 the clock is\n' +
      'behind the store, 74 I/O, 75 a server has the directory open.',
  );
  program.parse();
  const [place = '', path = ''] = program.args;
  const startedMs = performance.now();
  const bytes = path === '-' ? 0 : await check(path);
  const target = await openTarget(program, place);
  try {
    const { loaded, expired } = await load(path, bytes, target);
    const left = expired === 0 ? '' : `, ${formatCount(expired)} had expired`;
    const took = formatDuration(performance.now() - startedMs);
    process.stderr.write(`${countOf(loaded, 'key')} loaded into ${place} in ${took}${left}\n`);
    if (target.loss !== undefined) process.stderr.write(`Note: ${target.loss}\n`);
    return EXIT.ok;
  } finally {
    await target.close();
  }
}

/** Reads the dump to its end, so that a damaged one changes nothing. Returns its bytes. */
async function check(path: string): Promise<number> {
  const { size } = await stat(path);
  const progress = await startProgress('checking', 'bytes', size);
  const stream = new EntryStream(path);
  let entries = 0;
  try {
    for await (const _entry of stream.entries()) {
      entries += 1;
      if (entries % 1000 === 0) progress.at(stream.bytesRead);
    }
  } finally {
    progress.stop();
  }
  return size;
}

async function load(
  path: string,
  bytes: number,
  target: LoadTarget,
): Promise<{ loaded: number; expired: number }> {
  const progress = await startProgress('loading', 'bytes', bytes, bytes > 0);
  const stream = new EntryStream(path);
  let loaded = 0;
  let expired = 0;
  try {
    for await (const entry of stream.entries()) {
      if (entry.expiresAt !== 0 && entry.expiresAt <= target.nowMs()) {
        expired += 1;
        continue;
      }
      await target.put(entry);
      loaded += 1;
      if (loaded % 100 === 0) progress.at(stream.bytesRead);
    }
    await target.finish();
  } finally {
    progress.stop();
  }
  return { loaded, expired };
}

async function openTarget(program: Command, place: string): Promise<LoadTarget> {
  const endpoint = await serverAt(place);
  if (endpoint === undefined) {
    const { StoreTarget } = await import('./load/store-target.js');
    const { nodeEnv } = await import('../src/env/node-env.js');
    const { toolLogger } = await import('./terminal/logger.js');
    const { acceptClock = false } = program.opts<{ acceptClock?: boolean }>();
    return StoreTarget.open(nodeEnv(toolLogger('kv-load')), place, acceptClock);
  }
  const { Connection } = await import('./client/connection.js');
  const { ServerTarget } = await import('./load/server-target.js');
  const connection = await Connection.open(endpoint, await readConnectionOptions(program));
  return ServerTarget.open(connection);
}

/** A path is a server when a socket lies there, else a directory, there or to be made. */
async function serverAt(place: string): Promise<Endpoint | undefined> {
  const endpoint = parseEndpoint(place);
  if (endpoint?.kind !== 'unix') return endpoint;
  const found = await stat(place).catch(() => undefined);
  return found?.isSocket() === true ? endpoint : undefined;
}
