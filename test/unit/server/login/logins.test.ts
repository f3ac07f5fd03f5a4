// Logins: the order of the checks, on a thread that answers when the test says so.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { expect } from 'chai';

import type { Env, Worker } from '../../../../src/env/env.js';
import { nodeEnv } from '../../../../src/env/node-env.js';
import { Logins, type LoginClient, type Login } from '../../../../src/server/login/logins.js';
import { ProvenPairs } from '../../../../src/server/login/proven-pairs.js';
import { Users } from '../../../../src/server/users.js';
import { removeFolder } from '../../../support/remove-folder.js';

const DIGEST = '$scrypt$ln=10,r=8,p=1$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const guest = (address = '10.0.0.1'): LoginClient => ({ address, failures: 0 });

describe('Logins', () => {
  let dir: string;
  let logins: Logins;
  let asked: string[];
  let answer: (isRight: boolean) => void;
  let die: () => void;
  let delays: (() => void)[];
  const attempt = (password: string, from = guest(), user = 'ann'): Login =>
    logins.attempt(Buffer.from(user), Buffer.from(password), from);

  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'cairn-logins-'));
    fs.writeFileSync(path.join(dir, 'users'), `ann:${DIGEST}\n`);
    asked = [];
    delays = [];
    const quiet = { debug() {}, info() {}, warn() {}, error() {} };
    const real = nodeEnv(quiet);
    const startWorker = (): Worker => {
      const done = new Promise<void>((_, reject) => {
        die = () => reject(new Error('out of memory'));
      });
      return {
        done,
        post: (message) => {
          const { password } = message as { password?: Uint8Array };
          if (password !== undefined) asked.push(Buffer.from(password).toString());
        },
        onMessage: (call) => (answer = call),
        end: () => Promise.resolve(),
      };
    };
    const setTimer: Env['clock']['setTimer'] = (_delayMs, call) => {
      delays.push(call);
      return { cancel: () => void delays.splice(delays.indexOf(call), 1) };
    };
    const env: Env = { ...real, clock: { ...real.clock, setTimer }, startWorker };
    logins = new Logins(new Users(path.join(dir, 'users')), env);
  });
  afterEach(() => removeFolder(dir));

  it('attempt() gives the thread one password at a time', async () => {
    const [first, second] = [attempt('a'), attempt('b')];
    await turn();
    expect(asked).to.deep.equal(['a']);
    answer(true);
    expect(await first.outcome).to.equal('right');
    await turn();
    expect(asked).to.deep.equal(['a', 'b']);
    answer(false);
    expect(await second.outcome).to.equal('wrong');
  });

  it('a proven pair logs in without a check, also after a failed login, and a wrong pair waits', async () => {
    const proven = attempt('a');
    answer(true);
    expect(await proven.outcome).to.equal('right');
    const wrong = attempt('b');
    await turn();
    answer(false);
    expect(await wrong.outcome).to.equal('wrong');
    expect(await attempt('a').outcome).to.equal('right');
    expect(asked).to.deep.equal(['a', 'b']);
    attempt('b');
    expect(delays.length, 'waits').to.equal(1);
  });

  it('an address waits before the check after a failure, and another address does not', async () => {
    const wrong = attempt('a');
    answer(false);
    expect(await wrong.outcome).to.equal('wrong');
    const [late] = [attempt('b'), attempt('c', guest('10.0.0.2'))];
    await turn();
    expect(asked).to.deep.equal(['a', 'c']);
    answer(true);
    delays[0]!();
    await turn();
    expect(asked).to.deep.equal(['a', 'c', 'b']);
    answer(true);
    expect(await late.outcome).to.equal('right');
  });

  it('one check answers equal attempts, also attempts that come while it runs', async () => {
    const all = [attempt('a'), attempt('a'), attempt('a', guest('10.0.0.2'))];
    await turn();
    all.push(attempt('a'));
    answer(true);
    expect(await Promise.all(all.map(({ outcome }) => outcome))).to.deep.equal(
      Array.from({ length: 4 }, () => 'right'),
    );
    expect(asked).to.deep.equal(['a']);
  });

  it('a cancelled attempt is not checked, wherever it waited', async () => {
    const running = attempt('a');
    const queued = attempt('b');
    queued.cancel();
    expect(await queued.outcome).to.equal('gone');
    running.cancel();
    answer(false);
    await turn();
    expect(asked).to.deep.equal(['a']);
    const wrong = attempt('c');
    await turn();
    answer(false);
    await wrong.outcome;
    const delayed = attempt('d');
    delayed.cancel();
    expect(delays.length).to.equal(0);
    await turn();
    expect(asked).to.deep.equal(['a', 'c']);
  });

  it('reload() forgets proven pairs, and repeats the check that is under way', async () => {
    const before = attempt('a');
    logins.reload();
    answer(true);
    await turn();
    expect(asked, 'by the new users').to.deep.equal(['a', 'a']);
    answer(true);
    expect(await before.outcome).to.equal('right');
    logins.reload();
    attempt('a');
    await turn();
    expect(asked.length).to.equal(3);
  });

  it('an unknown user is compared with the first user and refused', async () => {
    const stranger = attempt('a', guest(), 'mallory');
    await turn();
    answer(true);
    expect(await stranger.outcome).to.equal('wrong');
  });

  it('a thread that dies logs nobody in, and the next check starts another thread', async () => {
    const lost = attempt('a');
    await turn();
    die();
    expect(await lost.outcome).to.equal('unchecked');
    const next = attempt('a');
    await turn();
    answer(true);
    expect(await next.outcome).to.equal('right');
  });

  it('close() answers waiting attempts and later ones with unchecked', async () => {
    const waiting = [attempt('a'), attempt('b')];
    logins.close();
    expect(await Promise.all(waiting.map(({ outcome }) => outcome))).to.deep.equal([
      'unchecked',
      'unchecked',
    ]);
    expect(await attempt('c').outcome).to.equal('unchecked');
  });
});

describe('ProvenPairs', () => {
  it('keeps a bounded number of pairs, and used pairs longest', () => {
    const pairs = new ProvenPairs();
    const nameOf = (text: string): string => pairs.nameOf(Buffer.from('ann'), Buffer.from(text));
    pairs.add(nameOf('used'));
    pairs.add(nameOf('unused'));
    for (let n = 0; n < 999; n++) {
      pairs.add(nameOf(`pair ${n}`));
      expect(pairs.has(nameOf('used'))).to.equal(true);
    }
    expect(pairs.size).to.equal(1000);
    expect(pairs.has(nameOf('unused'))).to.equal(false);
    pairs.clear();
    expect(pairs.has(nameOf('used'))).to.equal(false);
  });

  it('nameOf() keeps user and password apart, and differs between instances', () => {
    const pairs = new ProvenPairs();
    const name = pairs.nameOf(Buffer.from('ab'), Buffer.from('c'));
    expect(name).to.equal(pairs.nameOf(Buffer.from('ab'), Buffer.from('c')));
    expect(name).not.to.equal(pairs.nameOf(Buffer.from('a'), Buffer.from('bc')));
    expect(name).not.to.equal(new ProvenPairs().nameOf(Buffer.from('ab'), Buffer.from('c')));
  });
});
