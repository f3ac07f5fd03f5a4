// The server process: makes config, env, store and server in this order, then handles signals until it stops. Exit
// codes are those of docs/errors.md. Nothing here knows a protocol or the disk.

import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { Config, Exit } from '../config/config.js';
import { storeText } from '../config/store-place.js';
import type { Clock, Env } from '../env/env.js';
import { fileFailure } from '../env/file-failure.js';
import { nodeClock, nodeEnv } from '../env/node-env.js';
import { writeAllTo } from '../env/output-file.js';
import { holdSpareDescriptors } from '../env/spare-descriptors.js';
import { failureText, isKvError, systemCode } from '../errors.js';
import { EXIT, exitCodeOf, type ExitCode } from '../exit-codes.js';
import { LogOutput } from './log-output.js';
import { TextLogger } from './logger.js';
import { QuietCollection, threadBusyShare, v8Collector } from './quiet-collection.js';
import { removePidFile, requirePidFile, writePidFile } from './pid-file.js';
import { Control } from '../control/listener.js';
import { forgetSpareBatches } from '../log/commit/batch.js';
import { refuseStoreName } from '../log/segments/store-file.js';
import { forgetSpareReceiveBuffers } from '../protocol/receive-buffer.js';
import type { HttpListener } from '../http/listener.js';
import { ListenError } from '../server/errors.js';
import { rehearse } from '../server/rehearsal.js';
import { Server } from '../server/server.js';
import { isBelowNpx, watchParent } from './parent-watch.js';
import { recoveryProgress } from './recovery-progress.js';
import { tellReady } from './service-manager.js';
import { readSettings } from './settings.js';
import { keysText, warningsAtStart, warnOfStrangers } from './start-warnings.js';
import type { DurableStore } from '../store/durable-store.js';
import { hasStore, openStore } from '../store/open-store.js';
import type { StoreOptions } from '../store/options.js';
import type { Store } from '../store/store.js';

/** A second signal within this time counts as the same one: npm repeats a signal that the terminal sent to the group. */
const SAME_SIGNAL_MS = 100;

/** Period of a timer that does nothing but keep the process running; its length does not matter. */
const KEEP_ALIVE_MS = 60_000;

/** Runs the server until a signal, then ends the process. `argv` is without node and the script. */
export async function main(argv: readonly string[]): Promise<void> {
  const output = new LogOutput(process.stderr);
  const { write } = output;
  const version = packageVersion();
  const config = await readSettings(argv, process.env, version);
  if ('code' in config) {
    process.exitCode = await print(config, write);
    return;
  }
  if (config.daemon) {
    const { isDaemon, startDaemon } = await import('./daemon.js');
    if (!isDaemon()) {
      process.exitCode = await startDaemon(argv, write);
      return;
    }
  }
  output.isJson = config.logFormat === 'json';
  const logger = new TextLogger(config.verbosity, write, () => performance.now(), {
    format: config.logFormat,
    wallMs: () => nodeClock.wallMs(),
  });
  process.on('uncaughtException', (error) => {
    logger.error(`This is a bug, please report it: ${error.stack ?? error.message}`);
    process.exit(EXIT.bug);
  });
  await new ServerProcess(config, logger, version).run();
}

/** Prints the help, the version or a refusal; returns the exit code. A closed stdout is no failure, as for the tools. */
async function print(exit: Exit, writeLine: (text: string) => void): Promise<number> {
  writeLine(exit.stderr);
  try {
    await writeAllTo(1, Buffer.from(exit.stdout));
    return exit.code;
  } catch (error) {
    if (systemCode(error) === 'EPIPE') return exit.code;
    writeLine(`kv-server: stdout: ${messageOf(error)}\n`);
    return EXIT.io;
  }
}

/** One run of the server: a start, signals, and exactly one end. */
class ServerProcess {
  readonly #config: Config;
  readonly #logger: TextLogger;
  readonly #version: string;
  #store: Store | undefined;
  #server: Server | undefined;
  #control: Control | undefined;
  #http: HttpListener | undefined;
  #isEnding = false;
  /** Exit code of a process that gets a second signal while it stops. */
  #hurriedExit: ExitCode = EXIT.bug;

  constructor(config: Config, logger: TextLogger, version: string) {
    this.#version = version;
    this.#config = config;
    this.#logger = logger;
  }

  async run(): Promise<void> {
    const startedMs = performance.now();
    this.#watchSignals();
    if (isBelowNpx(process.env)) watchParent(() => void this.#end('npx has ended'));
    try {
      await this.#start(startedMs);
    } catch (error) {
      await this.#refuse(error);
    }
  }

  async #start(startedMs: number): Promise<void> {
    const config = this.#config;
    const logger = this.#logger;
    if (config.user !== undefined) {
      const { dropTo } = await import('./privileges.js');
      await dropTo(config.user, config.store === undefined ? config.dataDir : undefined);
    }
    holdSpareDescriptors();
    for (const endpoint of config.endpoints)
      if (endpoint.kind === 'unix') refuseStoreName(endpoint.path, 'the unix socket (-s)');
    if (config.pidFile !== undefined) requirePidFile(config.pidFile);
    const env = nodeEnv(logger);
    await this.#openHttp(env);
    const local = config.store === undefined ? await this.#openNamed(env) : undefined;
    const store = local ?? (await this.#openCluster(env));
    const metrics = this.#http?.metrics;
    const server = new Server(env, config, store, {
      version: this.#version,
      onShutdown: () => void this.#end('shutdown'),
      onVerbosity: (level) => (logger.verbosity = level),
      latencies: metrics?.latencies,
      httpUrl: this.#http?.addresses[0],
    });
    this.#server = server;
    const addresses = await server.start();
    this.#http?.serves(store, server);
    if (local !== undefined) this.#control = await this.#openControl(local, env.clock);
    collectWhenQuiet(env.clock);
    if (config.pidFile !== undefined) writePidFile(config.pidFile, logger);
    for (const note of config.notes) logger.info(note);
    for (const warning of warningsAtStart(config)) logger.warn(warning);
    const tookMs = Math.round(performance.now() - startedMs);
    const where = addresses.length === 0 ? 'nowhere (-p 0)' : addresses.join(', ');
    const items =
      local === undefined
        ? `items in ${storeText(config.store!)}`
        : `data in ${config.dataDir}, ${keysText(local.opened.keys)} recovered`;
    logger.notice(`listening on ${where}, ${items}, ready in ${tookMs} ms`);
    tellReady(process.env, `listening on ${where}`, logger);
    if (process.send !== undefined) {
      const { tellStarter } = await import('./daemon.js');
      if (tellStarter()) logger.silence();
    }
  }

  /** As #openLocal. A failure of the system names the file, and says what to do. */
  async #openNamed(env: Env): Promise<DurableStore> {
    try {
      return await this.#openLocal(env);
    } catch (error) {
      // A bug has no code, and an address that cannot be listened on is no file.
      if (systemCode(error) === undefined || error instanceof ListenError) throw error;
      const { path = this.#config.dataDir } = error as NodeJS.ErrnoException;
      throw fileFailure('The data directory cannot be used', path, error);
    }
  }

  /** Opens the store in the data directory. */
  async #openLocal(env: Env): Promise<DurableStore> {
    const config = this.#config;
    if (!(await hasStore(env, config.dataDir))) {
      await warnOfStrangers(env, config.dataDir);
      await rehearse(config, env);
    }
    const progress = recoveryProgress(process.stderr, () => performance.now());
    const onProgress = progress?.update.bind(progress);
    const options = { ...storeOptionsOf(config), onProgress };
    const store = await openStore(env, config.dataDir, options);
    progress?.end();
    this.#store = store;
    store.durability.onFailed((cause) => {
      if (cause === 'poisoned') void this.#endPoisoned();
    });
    const metrics = this.#http?.metrics;
    if (metrics !== undefined) store.measure(metrics.measures);
    return store;
  }

  /** Opens the store in the cluster of --store. */
  async #openCluster(env: Env): Promise<Store> {
    // Neither the timers of a store nor missing connections keep a process running. Without this timer it would end
    // silently during its start or stop. The process ends by process.exit.
    setInterval(() => undefined, KEEP_ALIVE_MS);
    const { openClusterStore } = await import('./cluster-store.js');
    const { watchCluster } = await import('./cluster-watch.js');
    const place = this.#config.store!;
    const store = await openClusterStore(env, place, this.#config);
    this.#store = store;
    watchCluster(store, env, storeText(place));
    return store;
  }

  /** Opens the HTTP listener before the log is replayed, so that it can report the progress of the replay. */
  async #openHttp(env: Env): Promise<void> {
    if (this.#config.http === undefined) return;
    const { HttpListener } = await import('../http/listener.js');
    this.#http = await HttpListener.listen(env, this.#config);
    this.#logger.notice(`the page, health and metrics on ${this.#http.addresses.join(', ')}`);
  }

  /** Opens the control socket for kv-compact. On a file system without sockets the server runs without it. */
  async #openControl(store: Store, clock: Clock): Promise<Control | undefined> {
    try {
      return await Control.listen(store, clock, this.#config.dataDir);
    } catch (error) {
      this.#logger.warn(
        `There is no control socket, so kv-compact cannot reach this server: ${messageOf(error)}`,
      );
      return undefined;
    }
  }

  #watchSignals(): void {
    let firstMs = Number.NEGATIVE_INFINITY;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const) {
      process.on(signal, () => {
        const nowMs = performance.now();
        if (nowMs - firstMs < SAME_SIGNAL_MS) return;
        firstMs = nowMs;
        if (this.#isEnding) process.exit(this.#hurriedExit);
        void this.#end(signal);
      });
    }
    process.on('SIGHUP', () => {
      this.#server?.reload();
      this.#http?.reload();
    });
  }

  /** Answers the received requests, makes their writes durable, seals the log, exits. */
  async #end(reason: string): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#logger.info(`stopping: ${reason}`);
    this.#http?.drain();
    try {
      await this.#server?.stop();
      await this.#control?.close();
      await this.#store?.close();
      this.#http?.close();
    } catch (error) {
      this.#logger.error(messageOf(error));
      process.exit(exitCodeOf(error));
    }
    this.#removePidFile();
    this.#logger.notice('stopped');
    process.exit(EXIT.ok);
  }

  /** Stops after a failed write or sync, because nothing more can be promised. The next start repairs the log. */
  async #endPoisoned(): Promise<void> {
    this.#logger.error(
      'The data directory cannot be trusted any more; the server stops, so that it acknowledges nothing it could lose',
    );
    this.#isEnding = true;
    this.#hurriedExit = EXIT.poisoned;
    await this.#server?.stop();
    process.exit(EXIT.poisoned);
  }

  async #refuse(error: unknown): Promise<void> {
    this.#logger.error(messageOf(error));
    this.#http?.close();
    await this.#control?.close();
    await this.#store?.close();
    process.exit(error instanceof ListenError ? EXIT.system : exitCodeOf(error));
  }

  #removePidFile(): void {
    if (this.#config.pidFile !== undefined) removePidFile(this.#config.pidFile, this.#logger);
  }
}

/** Gives back the memory of a burst soon after the burst. */
function collectWhenQuiet(clock: Clock): void {
  const collection = new QuietCollection(clock, threadBusyShare(), () => {
    forgetSpareBatches();
    forgetSpareReceiveBuffers();
    // Fetched for each collection: between collections V8 runs without --expose-gc.
    v8Collector()();
  });
  collection.start();
}

function storeOptionsOf(config: Config): Partial<StoreOptions> {
  return {
    segmentBytesMax: config.segmentBytes,
    cacheBytesMax: config.cacheBytes,
    valueBytesMax: config.valueBytesMax,
    keysMax: config.keysMax,
    bytesMax: config.storeBytesMax,
    evicts: config.evicts,
    idleMsMax: config.maxIdleMs,
    compactRatio: config.compactRatio,
    compactMinBytes: config.compactMinBytes,
    snapshot: config.snapshot,
    keepHistoryMs: config.keepHistoryMs,
    historyBytesMax: config.historyBytesMax,
    logExpiries: config.logsExpiries,
    scrubBytesPerSecond: config.scrubBytesPerSecond,
    acceptClock: config.acceptsClock,
    ownsThread: true,
  };
}

/** Composes the message for the operator: what happened and what to do next. */
function messageOf(error: unknown): string {
  if (isKvError(error)) return `${error.message}.${NEXT_STEPS[error.code] ?? ''}`;
  if (!(error instanceof Error)) return String(error);
  return systemCode(error) === undefined && !(error instanceof ListenError)
    ? (error.stack ?? error.message)
    : failureText(error);
}

const NEXT_STEPS: Readonly<Record<string, string>> = {
  KV_CLOCK: ' Nothing was changed',
  KV_LOCKED: ' Stop the other server, or choose another directory with --data',
  KV_CORRUPTION:
    ' Nothing was changed. See what is damaged with: kv-check <dir>; save the rest with: kv-check <dir> --repair --to <newdir>',
  KV_FORMAT_VERSION: ' Nothing was changed. Start the version of Cairn that wrote it',
  KV_NO_SPACE: ' Free some disk space and start again',
  KV_NOT_A_STORE: ' Choose an empty or a new directory with --data',
};

function packageVersion(): string {
  const path = fileURLToPath(new URL('../../../package.json', import.meta.url));
  return (JSON.parse(fs.readFileSync(path, 'utf8')) as { version: string }).version;
}
