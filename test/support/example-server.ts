// Cairn for the programs of examples/: a server on a port that stays the same when it is killed and started again.

import { join } from 'node:path';

import { cairnLaunch, ServerProcess } from '../../tools/torture/server-process.js';
import { freePort } from './free-port.js';
import { temporaryFolder } from './servers.js';
import { removeFolder } from './remove-folder.js';

export class ExampleServer {
  readonly #server: ServerProcess;
  /** A folder that belongs to the test; stop() removes it. */
  readonly folder: string;
  /** The data directory. */
  readonly dataDir: string;

  private constructor(server: ServerProcess, folder: string, dataDir: string) {
    this.#server = server;
    this.folder = folder;
    this.dataDir = dataDir;
  }

  static async start(): Promise<ExampleServer> {
    const folder = temporaryFolder();
    const dataDir = join(folder, 'data');
    const launch = cairnLaunch(dataDir, ['-p', String(await freePort())]);
    return new ExampleServer(await ServerProcess.start(launch), folder, dataDir);
  }

  get address(): string {
    return this.#server.address;
  }

  get port(): number {
    return this.#server.port;
  }

  /** Kills the server as kill -9 does. */
  async kill(): Promise<void> {
    await this.#server.kill();
  }

  /** Serves the same directory on the same port again, after kill(). */
  async restart(): Promise<void> {
    await this.#server.restart();
  }

  async stop(): Promise<void> {
    await this.#server.kill();
    removeFolder(this.folder);
  }
}
