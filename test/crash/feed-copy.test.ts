// A copy that is built from dumps and the feed of a real server under load, while that server is killed and compacts. At
// the end the copy equals what the server holds, byte for byte.

import { setTimeout } from 'node:timers/promises';

import { expect } from 'chai';

import { EXIT } from '../../src/exit-codes.js';
import { Connection } from '../../tools/client/connection.js';
import type { Endpoint } from '../../tools/client/endpoint.js';
import { askedUrl, FeedFailure, feedLines, type FeedLine } from '../../tools/client/feed.js';
import { ToolError } from '../../tools/terminal/program.js';
import { SeededRandom } from '../../tools/torture/seeded-random.js';
import { ServerProcess } from '../../tools/torture/server-process.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { FeedCopy, type KeptChange } from '../support/feed-copy.js';
import { cairnLaunch, temporaryFolder } from '../support/servers.js';
import { runTool } from '../support/tool-run.js';
import { removeFolder } from '../support/remove-folder.js';

const LIVES = 3;
const LIFE_MS = 1200;
const CLIENTS = 4;
const KEYS = 300;
const LARGE_BYTES = 1_100_000;

function changeOf(line: FeedLine): KeptChange {
  const { key = '', keyEncoding, value, encoding, expiresAt, at, flags = 0 } = line;
  return {
    type: line.type as KeptChange['type'],
    seq: line.seq,
    timeMs: line.time ?? 0,
    key: Buffer.from(key, keyEncoding ?? 'utf8').toString('latin1'),
    flags,
    expiresAt: (line.type === 'flush' ? at : expiresAt) ?? 0,
    cas: BigInt(line.cas ?? 0),
    reason: undefined,
    valueBytes: line.bytes ?? 0,
    value: value === undefined ? undefined : Buffer.from(value, encoding).toString('latin1'),
  };
}

/** A client that follows a server over its restarts. */
class Follower {
  readonly copy = new FeedCopy();
  dumps = 0;
  breaks = 0;
  /** While true, the follower stays away. */
  isPaused = false;
  readonly #dir: string;
  readonly #server: ServerProcess;

  constructor(dir: string, server: ServerProcess) {
    this.#dir = dir;
    this.#server = server;
  }

  /** Follows until `isOver` says so when the connection has ended; the last time, to the end of the existing changes. */
  async follow(isOver: () => boolean): Promise<void> {
    for (;;) {
      const isLast = isOver();
      try {
        if (!this.isPaused) await this.#read(isLast);
        if (isLast) return;
      } catch (error) {
        if (!(error instanceof ToolError)) throw error;
        if (error.exitCode === EXIT.noInput) await this.#beginAgain();
        else if (error.exitCode !== EXIT.unreachable) throw error;
      }
      this.breaks += 1;
      await setTimeout(20);
    }
  }

  async #read(isLast: boolean): Promise<void> {
    const endpoint = { kind: 'tcp', host: '127.0.0.1', port: this.#server.port } as const;
    const connection = await Connection.open(endpoint, { timeoutMs: 5000 });
    const url = await urlOf(connection, endpoint);
    const query = { after: String(this.copy.seq), values: '1', ...(isLast ? { wait: '0' } : {}) };
    for await (const { line } of feedLines({ url, token: undefined, tls: undefined }, query)) {
      if (this.isPaused) return;
      if (line.type === 'heartbeat') continue;
      if (line.type === 'end') return;
      if (line.type === 'error') {
        const code = line.error === 'KV_TOO_OLD' ? EXIT.noInput : EXIT.unreachable;
        throw new FeedFailure(code, line.message ?? '');
      }
      this.copy.apply(changeOf(line));
    }
    if (isLast) throw new FeedFailure(EXIT.unreachable, 'cut off');
  }

  async #beginAgain(): Promise<void> {
    const { code, stdout } = await runTool('kv-dump', [this.#dir]);
    if (code !== EXIT.ok) return;
    this.copy.load(stdout.toString());
    this.dumps += 1;
  }
}

async function urlOf(connection: Connection, endpoint: Endpoint): Promise<string> {
  try {
    return await askedUrl(connection, endpoint);
  } finally {
    await connection.close();
  }
}

/** Sends random commands until the server dies. */
async function load(port: number, random: SeededRandom): Promise<void> {
  const client = await WireClient.connect(port);
  try {
    for (;;) {
      const lines = Array.from({ length: 1 + random.below(30) }, () =>
        client.line(command(random)),
      );
      await Promise.all(lines);
    }
  } catch {
    client.close();
  }
}

function command(random: SeededRandom): string {
  const key = `k${random.below(KEYS)}`;
  const dice = random.below(1000);
  if (dice < 700) {
    const value = `${random.below(1e6)} `.repeat(1 + random.below(300));
    const exptime = random.below(4) === 0 ? 1 + random.below(3) : 0;
    return `set ${key} ${random.below(99)} ${exptime} ${value.length}\r\n${value}\r\n`;
  }
  if (dice < 850) return `delete ${key}\r\n`;
  if (dice < 950) return `touch ${key} ${random.below(2) * 500}\r\n`;
  if (dice < 985) return `incr ${key} 7\r\n`;
  if (dice < 990) return `set ${key} 0 0 ${LARGE_BYTES}\r\n${'L'.repeat(LARGE_BYTES)}\r\n`;
  if (dice < 997) return `delete_prefix ${key}\r\n`;
  return dice < 999 ? 'flush_all\r\n' : 'flush_all 1\r\n';
}

describe('A copy that follows a server that is killed and compacts @long', function () {
  this.timeout(180_000);

  for (const [title, args] of [
    ['with the history kept', ['--keep-history', '1h']],
    ['each time from a new dump', []],
  ] as const) {
    it(`equals the server's content, byte for byte: ${title}`, async () => {
      const seed = Number(process.env['CAIRN_TEST_SEED'] ?? Date.now() % 2 ** 31);
      console.log(`      CAIRN_TEST_SEED=${seed}`);
      const random = new SeededRandom(seed);
      const dir = temporaryFolder();
      const small = ['--segment-size', '1m', '--compact-min', '1m', '-I', '2m', '--http', '-1'];
      const server = await ServerProcess.start(cairnLaunch(dir, [...small, ...args]));
      try {
        let isOver = false;
        const follower = new Follower(dir, server);
        const following = follower.follow(() => isOver);
        for (let life = 0; life < LIVES; life += 1) {
          follower.isPaused = life % 4 === 1;
          const loads = Array.from({ length: CLIENTS }, () => load(server.port, random.fork()));
          await setTimeout(LIFE_MS / 2);
          if (life % 2 === 1) await runTool('kv-compact', [dir]);
          await setTimeout(LIFE_MS / 2);
          await server.kill();
          await Promise.all(loads);
          await server.restart();
        }
        follower.isPaused = false;
        // By then the delayed flushes have happened, and the items that expire soon have expired.
        await setTimeout(4000);
        isOver = true;
        await server.kill();
        await server.restart();
        await following;
        const { code, stdout } = await runTool('kv-dump', [dir]);
        expect(code).to.equal(EXIT.ok);
        const wanted = new FeedCopy();
        wanted.load(stdout.toString());
        const nowMs = Date.now() + 500;
        const [found, expected] = [follower.copy, wanted].map((copy) => copy.live(nowMs));
        expect(Object.keys(found!)).to.deep.equal(Object.keys(expected!));
        for (const [key, item] of Object.entries(expected!)) {
          expect(found![key], `${key} CAIRN_TEST_SEED=${seed}`).to.deep.equal(item);
        }
        console.log(
          `      seq ${follower.copy.seq}, ${follower.breaks} breaks, ${follower.dumps} dumps`,
        );
        expect(follower.breaks).to.be.at.least(LIVES);
        if (args.length > 0) expect(follower.dumps).to.equal(0);
        else expect(follower.dumps).to.be.greaterThan(0);
      } finally {
        await server.kill();
        removeFolder(dir);
      }
    });
  }
});
