// `--store`: the parts of its URL, and the mistakes that are refused by name.

import { expect } from 'chai';
import { InvalidArgumentError } from 'commander';

import { readConfig } from '../../../src/config/config.js';
import { storePlace, storeText, storeUrl } from '../../../src/config/store-place.js';

function refusalOf(url: string): string {
  try {
    storePlace(url);
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error.message;
    throw error;
  }
  return 'taken';
}

function configRefusal(argv: readonly string[], env: Record<string, string> = {}): string {
  const config = readConfig(argv, env, '0.0.0');
  return 'code' in config ? `${config.code} ${config.stderr.split('\n')[0]}` : 'taken';
}

describe('storePlace()', () => {
  it('reads hosts with the usual ports, and the path and options behind them', () => {
    expect(storePlace('etcd://a,b:99,[::1]:7,[fe80::1]')).to.deep.equal({
      kind: 'etcd',
      hosts: ['a:2379', 'b:99', '[::1]:7', '[fe80::1]:2379'],
      tls: undefined,
      prefix: 'cairn/',
    });
    expect(storePlace('etcd://a/shop')).to.include({ prefix: 'shop/' });
    expect(storePlace('etcd://a/shop/x/')).to.include({ prefix: 'shop/x/' });
    expect(storePlace('redis://a')).to.deep.equal({
      kind: 'redis',
      hosts: ['a:6379'],
      tls: undefined,
      replicas: 1,
      reads: 'strict',
      durability: 'disk',
    });
    expect(storePlace('redis://a?replicas=0&reads=fast&durability=memory')).to.include({
      replicas: 0,
      reads: 'fast',
      durability: 'memory',
    });
  });

  it('takes certificates only with TLS', () => {
    expect(storePlace('etcds://a?ca=/x/ca.pem')).to.deep.include({
      tls: { caPath: '/x/ca.pem', certPath: undefined, keyPath: undefined },
    });
    expect(storePlace('rediss://a/?cert=c&key=k')).to.deep.include({
      tls: { caPath: undefined, certPath: 'c', keyPath: 'k' },
    });
    expect(refusalOf('redis://a?ca=x')).to.include('rediss://');
    expect(refusalOf('etcds://a?cert=x')).to.include('belong together');
  });

  it('refuses unknown parts, and passwords, by name', () => {
    for (const url of ['', 'a', 'http://a', 'etcd:/a', 'redis://a#b']) {
      expect(refusalOf(url), url).to.include('Give etcd://');
    }
    for (const url of ['etcd://', 'etcd://a,,b', 'etcd://a:0', 'redis://a:65536', 'etcd://a b']) {
      expect(refusalOf(url), url).to.include('is not a host');
    }
    const secret = refusalOf('redis://me:secret@a');
    expect(secret).to.include('--store-auth-file').and.not.to.include('secret');
    expect(refusalOf('redis://a/1')).to.include('no databases');
    expect(refusalOf('etcd://a,b,a:2379')).to.include('a:2379 is named twice');
    expect(refusalOf('etcds://a?ca=')).to.include('ca= takes a file');
    expect(refusalOf('redis://a?replica=1')).to.include('There is no option replica=');
    expect(refusalOf('redis://a?reads=fast&reads=fast')).to.include('twice');
    expect(refusalOf('redis://a?replicas=-1')).to.include('replicas=');
    expect(refusalOf('redis://a?replicas=17')).to.include('replicas=');
    expect(refusalOf('redis://a?reads=maybe')).to.include('strict or fast');
    expect(refusalOf('etcd://a?replicas=1')).to.include('There is no option replicas=');
  });

  it('storeUrl() gives other programs a URL that leads to the same items, without files of this machine', () => {
    for (const url of ['etcd://a,b:1', 'etcds://[::1]:2/shop?ca=/secret/ca.pem', 'rediss://a']) {
      const { kind, hosts, ...rest } = storePlace(url);
      const told = storeUrl(storePlace(url));
      expect(storePlace(told)).to.deep.include({ kind, hosts });
      expect(told.startsWith('etcds:') || told.startsWith('rediss:')).to.equal(
        rest.tls !== undefined,
      );
      expect(told).to.not.include('secret');
      if ('prefix' in rest) expect(storePlace(told)).to.include({ prefix: rest.prefix });
    }
  });

  it('storeText() names the store in messages without its certificates', () => {
    expect(storeText(storePlace('etcds://a,b?ca=/secret/ca.pem'))).to.equal(
      'etcd at a:2379, b:2379',
    );
  });
});

describe('--store', () => {
  it('refuses every flag of a data directory by its name', () => {
    const store = ['--store', 'etcd://a'];
    expect(configRefusal(store)).to.equal('taken');
    const local = ['--data x', '--max-keys 1', '--max-bytes 2m', '--memcached-limits', '-M'];
    const more = ['--max-idle 1', '--segment-size 2m', '--compact-ratio 0.3', '--compact-min 1m'];
    const kept = ['--snapshot never', '--keep-history 1h', '--history-bytes 1g', '--log-expiries'];
    const rest = ['--scrub-rate 1m', '--accept-clock', '--http-backup x'];
    const longNames: Record<string, string> = { '-M': '--disable-evictions' };
    for (const words of [...local, ...more, ...kept, ...rest]) {
      const [flag = '', ...value] = words.split(' ');
      const refusal = configRefusal([...store, flag, ...value]);
      expect(refusal, words)
        .to.match(/^64 /)
        .and.to.include(longNames[flag] ?? flag);
    }
    expect(configRefusal([...store, '-I', '2m'])).to.include('-I');
    expect(configRefusal(store, { CAIRN_MAX_KEYS: '3' })).to.include('--max-keys');
    const typed = configRefusal(['--store', 'redis://me:secret@a']);
    expect(typed).to.match(/^64 /).and.to.not.include('secret');
    const word = configRefusal(['--store', 'redis://a?password=secret&reads=fast']);
    expect(word).to.include('no option password=').and.to.not.include('secret');
  });

  it('takes -m with a note about it, and refuses a login without a cluster', () => {
    const config = readConfig(['--store', 'redis://a', '-m', '64'], {}, '0.0.0');
    expect('notes' in config && config.notes.join()).to.include('-m has no effect');
    expect(configRefusal(['--store-auth-file', 'x'])).to.include('--store <url>');
  });

  it('comes from the environment too, and so does the login', () => {
    const env = { CAIRN_STORE: 'etcd://a', CAIRN_STORE_AUTH: 'me:secret' };
    const config = readConfig([], env, '0.0.0');
    expect('store' in config && config.store?.kind).to.equal('etcd');
    expect('storeAuth' in config && config.storeAuth).to.equal('me:secret');
    const shown = readConfig(['--check-config'], env, '0.0.0');
    expect('code' in shown && shown.stdout).to.not.include('secret');
  });
});
