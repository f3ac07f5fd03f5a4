import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { expect } from 'chai';

import { nodeEnv } from '../../../src/env/node-env.js';
import { KvError, isKvError, systemCode } from '../../../src/errors.js';
import { Control } from '../../../src/control/listener.js';
import type { Store } from '../../../src/store/store.js';
import { askServer } from '../../../tools/compact/control-client.js';
import { MemoryStore } from '../../support/memory-store.js';
import { QuietLogger } from '../../support/quiet-logger.js';
import { removeFolder } from '../../support/remove-folder.js';

const { clock } = nodeEnv(new QuietLogger());

describe('Control', () => {
  let dir = '';
  let store: Store;
  let control: Control;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'control-'));
    store = new MemoryStore();
    control = await Control.listen(store, clock, dir);
  });
  afterEach(async () => {
    await control.close();
    removeFolder(dir);
  });

  /** Sends the bytes, closes its half if asked to, and returns everything until the server closes. */
  function say(bytes: string, closesHalf = false): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(join(dir, 'control.sock'), () => {
        if (closesHalf) socket.end(bytes);
        else socket.write(bytes);
      });
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('error', reject);
      socket.on('close', () => resolve(text));
    });
  }

  it('answers stats, compact and snapshot with a result', async () => {
    expect(await askServer(dir, { command: 'stats' })).to.have.property('curr_items', 0);
    const seen: unknown[] = [];
    const report = await askServer(dir, { command: 'compact', everything: true }, (progress) =>
      seen.push(progress),
    );
    expect(report).to.have.property('segmentsAfter');
    expect(seen[0]).to.have.keys('done', 'total');
    const snapshot = await askServer(dir, { command: 'snapshot', path: '/x/y' });
    expect(snapshot).to.include({ path: '/x/y', count: 0 });
  });

  it('drops clients that do not ask or leave in time, and when full the oldest that has not asked', async () => {
    await control.close();
    const timers: (() => void)[] = [];
    const setTimer = (_delayMs: number, call: () => void): { cancel: () => void } => {
      timers.push(call);
      return { cancel: () => undefined };
    };
    control = await Control.listen(store, { ...clock, setTimer }, dir);
    const connect = async (allowHalfOpen = false): Promise<net.Socket> => {
      const socket = net.connect({ path: join(dir, 'control.sock'), allowHalfOpen }).resume();
      await once(socket, 'connect');
      return socket;
    };
    const silent = await connect();
    const asking = await connect(true);
    asking.write('{"command":"stats"}\n');
    await once(asking, 'end');
    const closing = new Promise((resolve) => asking.on('close', resolve));
    const dropped = once(silent, 'close');
    for (const call of timers) call();
    await dropped;
    // A client that keeps its half open notices the closed connection when it writes.
    asking.on('error', () => undefined).write('x');
    await closing;

    const crowd: net.Socket[] = [];
    for (let n = 0; n < 8; n++) crowd.push(await connect());
    const oldest = once(crowd[0]!, 'close');
    expect(await askServer(dir, { command: 'stats' })).to.have.property('curr_items', 0);
    await oldest;
    for (const socket of crowd) socket.destroy();
  });

  it("passes the store's failure on with its code", async () => {
    store.compact = () => Promise.reject(new KvError('KV_NO_SPACE', 'No room', { path: 'p' }));
    const error = await askServer(dir, { command: 'compact' }).catch((e: unknown) => e);
    expect(isKvError(error, 'KV_NO_SPACE')).to.equal(true);
    expect(String(error)).to.contain('No room (p)');
  });

  it('refuses bytes that are no request, and goes on', async () => {
    for (const line of [
      'nonsense',
      '[]',
      '{"command":"drop"}',
      '{"command":"snapshot","path":"x"}',
    ])
      expect(await say(`${line}\n`), line).to.match(/^{"error":{"code":"KV_BAD_OPTION"/);
    expect(await say('x'.repeat(70_000))).to.contain('KV_BAD_OPTION');
    expect(await askServer(dir, { command: 'stats' })).to.be.an('object');
  });

  it('answers a client that closes its half after the question, and hangs up on one that asks nothing', async () => {
    const compact = store.compact.bind(store);
    store.compact = async (options) => {
      await setImmediate();
      return compact(options);
    };
    expect(await say('{"command":"compact"}\n', true)).to.contain('"result"');
    expect(await say('{"command":"stats"}\n', true)).to.contain('"result"');
    expect(await say('{"comm', true)).to.equal('');
  });

  it('opens its socket to the owner alone, and close() removes the file', async () => {
    const path = join(dir, 'control.sock');
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    await control.close();
    expect(existsSync(path)).to.equal(false);
    control = await Control.listen(store, clock, dir);
  });

  it('close() does not wait for clients that are connected or have work under way', async () => {
    store.compact = () => new Promise(() => {});
    const asked = askServer(dir, { command: 'compact' }).catch((e: unknown) => e);
    const idle = say('');
    await askServer(dir, { command: 'stats' });
    await control.close();
    expect(String(await asked)).to.contain('The server ended');
    expect(await idle).to.equal('');
    control = await Control.listen(store, clock, dir);
  });

  it('listen() replaces the file that a killed server left', async () => {
    const other = join(dir, 'other');
    mkdirSync(other);
    // A killed process leaves a socket file at which nobody listens.
    const listening =
      "require('net').createServer().listen('control.sock', () => process.kill(process.pid, 9))";
    spawnSync(process.execPath, ['-e', listening], { cwd: other });
    expect(statSync(join(other, 'control.sock')).isSocket()).to.equal(true);
    const second = await Control.listen(store, clock, other);
    expect(await askServer(other, { command: 'stats' })).to.be.an('object');
    await second.close();
    writeFileSync(join(other, 'control.sock'), "a stranger's");
    const refused = await Control.listen(store, clock, other).catch((error: unknown) => error);
    expect(systemCode(refused)).to.equal('EADDRINUSE');
    expect(readFileSync(join(other, 'control.sock'), 'utf8')).to.equal("a stranger's");
  });

  it('works in a directory whose name is longer than a socket path may be', async () => {
    const long = join(dir, 'x'.repeat(150));
    mkdirSync(long);
    const second = await Control.listen(store, clock, long);
    expect(existsSync(join(long, 'control.sock'))).to.equal(true);
    expect(await askServer(long, { command: 'stats' })).to.be.an('object');
    await second.close();
    expect(existsSync(join(long, 'control.sock'))).to.equal(false);
  });

  it('askServer() says that nobody listens', async () => {
    const error = await askServer(join(dir, 'none'), { command: 'stats' }).catch((e: unknown) => e);
    expect(error).to.include({ exitCode: 69 });
  });
});
