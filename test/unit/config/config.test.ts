import { expect } from 'chai';

import { readConfig, type Config, type Exit } from '../../../src/config/config.js';

type Environment = Record<string, string>;

function config(argv: string, env: Environment = {}): Config {
  const read = readConfig(argv === '' ? [] : argv.split(' '), env, '1.2.3');
  if ('code' in read) throw new Error(read.stderr);
  return read;
}

function refused(argv: string, env: Environment = {}): Exit {
  const read = readConfig(argv.split(' '), env, '1.2.3');
  if (!('code' in read)) throw new Error(`${argv} was accepted`);
  return read;
}

const tcp = (host: string, port: number, plain = false): object => ({
  kind: 'tcp',
  host,
  port,
  plain,
});

describe('readConfig()', () => {
  it('defaults to loopback, port 11211, ./data and values up to 1 MiB', () => {
    const defaults = config('');
    expect(defaults.endpoints).to.deep.equal([tcp('127.0.0.1', 11211)]);
    expect(defaults.dataDir).to.equal('./data');
    expect(defaults.valueBytesMax).to.equal(2 ** 20);
    expect(defaults.cacheBytes).to.equal(64 * 2 ** 20);
    expect(defaults.connectionsMax).to.equal(1024);
    expect(defaults.evicts).to.equal(true);
    expect(defaults.notes).to.deep.equal([]);
    expect(Object.isFrozen(defaults)).to.equal(true);
  });

  it('takes short and long names, with a space or an equals sign', () => {
    for (const argv of ['-p 8080', '--port 8080', '--port=8080', '-p8080']) {
      expect(config(argv).endpoints, argv).to.deep.equal([tcp('127.0.0.1', 8080)]);
    }
    expect(config('-vv').verbosity).to.equal(2);
    expect(config('-v -v -v').verbosity).to.equal(3);
    expect(config('-M').evicts).to.equal(false);
    expect(config('-F').flushEnabled).to.equal(false);
    expect(config('-B ascii').protocol).to.equal('text');
    expect(config('-B binary').protocol).to.equal('binary');
    expect(config('-C').casEnabled).to.equal(false);
  });

  it('--http is off by default, takes a port alone for loopback, and needs a token file elsewhere', () => {
    expect(config('').http).to.equal(undefined);
    expect(config('--http 0').http).to.equal(undefined);
    expect(config('--http 9150').http).to.deep.equal({ host: '127.0.0.1', port: 9150 });
    expect(config('', { CAIRN_HTTP: '-1' }).http).to.deep.equal({ host: '127.0.0.1', port: 0 });
    expect(config('--http [::1]:80').http).to.deep.equal({ host: '::1', port: 80 });
    const { http, httpTokenFile } = config('--http *:80 --http-token-file t');
    expect([http, httpTokenFile]).to.deep.equal([{ host: '*', port: 80 }, 't']);
    expect(refused('--http h:80').stderr).to.contain('--http-token-file');
  });

  it('listens at every address of -l, with repeated flags, lists, ports and IPv6', () => {
    const { endpoints } = config('-l 10.0.0.1,localhost:81 -l [::1]:82 -l ::1 -p 80');
    expect(endpoints).to.deep.equal([
      tcp('10.0.0.1', 80),
      tcp('localhost', 81),
      tcp('::1', 82),
      tcp('::1', 80),
    ]);
  });

  it('-p -1 takes any port, -p 0 no TCP port, -U alone sets the port, and --plain-port adds one', () => {
    expect(config('-p -1').endpoints).to.deep.equal([tcp('127.0.0.1', 0)]);
    expect(config('-p 0').endpoints).to.deep.equal([]);
    expect(config('-U 8080').endpoints).to.deep.equal([tcp('127.0.0.1', 8080)]);
    expect(config('-U -1').endpoints).to.deep.equal([tcp('127.0.0.1', 0)]);
    expect(config('-U 0').warnings).to.deep.equal([]);
    expect(config('-U 11211').warnings.join()).to.contain('UDP is not offered');
    expect(config('--plain-port 90').endpoints).to.deep.equal([
      tcp('127.0.0.1', 11211),
      tcp('127.0.0.1', 90, true),
    ]);
  });

  it('-s is a unix socket instead of TCP, with the permissions of -a', () => {
    expect(config('-s /tmp/x -p 80 -a 777').endpoints).to.deep.equal([
      { kind: 'unix', path: '/tmp/x', mode: 0o777 },
    ]);
    expect(config('-s /tmp/x -l 127.0.0.1:80').endpoints).to.have.length(2);
  });

  it('sizes take k, m and g, and -m counts in megabytes', () => {
    expect(config('-m 128').cacheBytes).to.equal(128 * 2 ** 20);
    expect(config('-m 2g').cacheBytes).to.equal(2 ** 31);
    expect(config('-I 2m').valueBytesMax).to.equal(2 ** 21);
    expect(config('-I 4096').valueBytesMax).to.equal(4096);
    expect(config('-I 1g').valueBytesMax).to.equal(2 ** 30);
    expect(config('--max-bytes 10g').storeBytesMax).to.equal(10 * 2 ** 30);
    expect(config('--segment-size 16m').segmentBytes).to.equal(2 ** 24);
  });

  it('times are in seconds or carry a unit', () => {
    expect(config('--idle-timeout 30').idleTimeoutMs).to.equal(30_000);
    expect(config('-o idle_timeout=3,no_modern').idleTimeoutMs).to.equal(3000);
    expect(config('--max-idle 7d').maxIdleMs).to.equal(7 * 86_400_000);
    expect(config('--snapshot 10m').snapshot).to.equal(600_000);
    expect(config('--snapshot never').snapshot).to.equal('never');
  });

  it('the environment gives a setting that no flag gives', () => {
    const env = { CAIRN_PORT: '8080', CAIRN_DATA: '/var/x', CAIRN_DISABLE_EVICTIONS: '1' };
    expect(config('', env).endpoints).to.deep.equal([tcp('127.0.0.1', 8080)]);
    expect(config('', env).dataDir).to.equal('/var/x');
    expect(config('', env).evicts).to.equal(false);
    expect(config('-p 81', env).endpoints).to.deep.equal([tcp('127.0.0.1', 81)]);
    expect(config('', { CAIRN_DISABLE_EVICTIONS: 'no' }).evicts).to.equal(true);
    expect(config('', { CAIRN_VERBOSE: '2' }).verbosity).to.equal(2);
    expect(refused('-v', { CAIRN_PORT: 'x' }).stderr).to.contain('CAIRN_PORT');
    expect(config('', { MEMCACHED_PORT_FILENAME: '/tmp/p' }).portFile).to.equal('/tmp/p');
  });

  it('ignores the CAIRN_PORT that Kubernetes sets for a service called cairn', () => {
    const address = 'tcp://10.0.0.7:11211';
    const env = { CAIRN_PORT: address, CAIRN_PORT_11211_TCP: address };
    expect(config('', env).endpoints).to.deep.equal([tcp('127.0.0.1', 11_211)]);
  });
  it('refuses unknown environment variables, and words that are neither yes nor no', () => {
    for (const [name, text, said] of [
      ['CAIRN_MAXKEYS', '5', 'CAIRN_MAX_KEYS'],
      ['CAIRN_FOO', '', 'CAIRN_FOO'],
      ['CAIRN_ENABLE_SHUTDOWN', 'yess', 'CAIRN_ENABLE_SHUTDOWN'],
      ['CAIRN_ENABLE_SSL', 'maybe', 'CAIRN_ENABLE_SSL'],
      ['CAIRN_DISABLE_FLUSH_ALL', '2', 'CAIRN_DISABLE_FLUSH_ALL'],
      ['CAIRN_VERBOSE', 'very', 'CAIRN_VERBOSE'],
      ['CAIRN_VERBOSE', '-1', 'CAIRN_VERBOSE'],
      ['CAIRN_HELP', '1', 'CAIRN_HELP'],
    ] as const) {
      const { code, stderr } = refused('-p 80', { [name]: text });
      expect(code, name).to.equal(64);
      expect(stderr, name).to.contain(said);
    }
    for (const text of ['1', 'yes', 'TRUE', 'on'])
      expect(config('', { CAIRN_ENABLE_SHUTDOWN: text }).shutdownEnabled, text).to.equal(true);
    for (const text of ['0', 'no', 'False', 'off', ''])
      expect(config('', { CAIRN_ENABLE_SHUTDOWN: text }).shutdownEnabled, text).to.equal(false);
    expect(config('', { CAIRN_VERBOSE: 'yes' }).verbosity).to.equal(1);
    expect(config('', { CAIRN_VERBOSE: 'no' }).verbosity).to.equal(0);
    for (const name of ['CAIRN_HOST', 'CAIRN_HISTORY', 'CAIRN_SERVICE_HOST', 'CAIRN_PORT_80_TCP'])
      expect(config('', { [name]: 'x' }).verbosity, name).to.equal(0);
  });

  it('no message names a bound that is only the largest safe integer', () => {
    for (const argv of ['--max-keys 9999999999999999', '--max-bytes 9999999t', '--scrub-rate 9e9t'])
      expect(refused(argv).stderr, argv).to.not.contain('9007199254740991');
  });

  it('warns of accepted settings that are hardly meant', () => {
    expect(config('--max-bytes 2m').warnings.join()).to.contain('--segment-size 64m');
    expect(config('--max-bytes 2m --segment-size 1m').warnings).to.deep.equal([]);
  });

  it('accepts flags of memcached that have no effect here, and says so', () => {
    const { notes } = config(
      '-t 8 -k -r -L -f 1.1 -n 10 -U 5 -o slab_chunk_max=4,modern -N 2'.replace(' -N 2', ''),
    );
    expect(notes.join('\n')).to.contain('--threads').and.contain('slab_chunk_max');
    expect(notes.every((note) => note.includes('has no effect'))).to.equal(true);
  });

  it('-Z needs a certificate and a key', () => {
    expect(refused('-Z').code).to.equal(64);
    const files = '-Z -o ssl_chain_cert=a,ssl_key=b';
    expect(config(`${files},ssl_ca_cert=c,ssl_verify_mode=2`).tls).to.deep.include({
      chainCertPath: 'a',
      keyPath: 'b',
      caCertPath: 'c',
      asksForCertificates: true,
      clientsNeedCertificates: true,
    });
    expect(config(`${files},ssl_min_version=3`).tls?.minVersion).to.equal('TLSv1.3');
    for (const more of ['ssl_verify_mode=1', 'ssl_verify_mode=4', 'ssl_min_version=tls']) {
      expect(refused(`${files},${more}`).code, more).to.equal(64);
    }
  });

  it('an address of -l says how much TLS its listener speaks, which needs -Z', () => {
    const files = '-Z -o ssl_chain_cert=a,ssl_key=b,ssl_ca_cert=c';
    const { endpoints } = config(`${files} -l notls:10.0.0.1:81,mtls:[::1]:82,btls:h -l ::1 -p 80`);
    expect(endpoints).to.deep.equal([
      { ...tcp('10.0.0.1', 81), tls: 'none' },
      { ...tcp('::1', 82), tls: 'verified' },
      { ...tcp('h', 80), tls: 'unverified' },
      tcp('::1', 80),
    ]);
    expect(config(`${files} -l notls:h --plain-port 9`).endpoints[1]).to.include({ tls: 'none' });
    for (const word of ['notls', 'btls', 'mtls']) {
      expect(refused(`-l ${word}:10.0.0.1`).stderr, word).to.contain('need -Z');
      expect(refused(`${files} -l ${word}:`).code).to.equal(64);
    }
    const noOne = '-Z -o ssl_chain_cert=a,ssl_key=b';
    expect(refused(`${noOne} -l mtls:h`).stderr).to.contain('ssl_ca_cert');
  });

  it('--memcached-limits makes -m bound the store and -I', () => {
    const limits = config('--memcached-limits');
    expect(limits).to.include({ storeBytesMax: 64 * 2 ** 20, cacheBytes: 64 * 2 ** 20 });
    expect(config('--memcached-limits -m 100').storeBytesMax).to.equal(100 * 2 ** 20);
    expect(config('-m 100').storeBytesMax).to.equal(0);
    expect(refused('--memcached-limits -I 33m').stderr).to.contain('half of the memory');
    expect(refused('--memcached-limits --max-bytes 1g').stderr).to.contain('--max-bytes');
    expect(config('', { CAIRN_MEMCACHED_LIMITS: '1' }).memcachedLimits).to.equal(true);
  });

  it('-S needs users, and MEMCACHED_SASL_PWDB names their file too', () => {
    expect(refused('-S').code).to.equal(64);
    expect(config('-S', { MEMCACHED_SASL_PWDB: '/u' }).authFile).to.equal('/u');
    expect(config('-S -Y /v').authFile).to.equal('/v');
  });

  for (const argv of [
    '-B http',
    '-c 0',
    '-c -1',
    '-t 0',
    '-I 1000',
    '-I 256m -m 64',
    '-I 2g',
    '-p x',
    '-p 65536',
    '-a 999',
    '--compact-ratio 2',
    '--snapshot soon',
    '--max-key-bytes 65536',
    '-l a:b:c@',
    '-o idle_timeout=x',
    '-o idle_timout=5',
    '-o ssl_keyfile=x',
    '-o slab_automoov=1',
    '-o nonsense',
    '-o ssl_chain_cert=a,ssl_key=b',
    '-o ssl_ciphers=x',
    '-o ssl_session_cache',
    '--max-bytes 1000',
    '--max-bytes 99999999999999999999',
    '-m 99999999999999999999',
    '-p 11211 --plain-port 11211',
    '-l 127.0.0.1,127.0.0.1',
    '-l 127.0.0.1:80 -p 80 -l 127.0.0.1',
    '-U 5 --plain-port 5',
    '--http 0.0.0.0:9150',
    '--http *:9150',
    '--http 127.example:9150',
    '--http 127.0.0.1',
    '--http 65536',
    '--http ::1:80',
    '--http 11211',
    '--nonsense',
    'word',
  ]) {
    it(`refuses ${argv} with one line, a hint and exit code 64`, () => {
      const { code, stdout, stderr } = refused(argv);
      expect(code).to.equal(64);
      expect(stdout).to.equal('');
      expect(stderr).to.match(
        /^error: [^\n]+\n(\(Did you mean [^\n]+\)\n)?Try 'kv-server --help'\.\n$/,
      );
    });
  }

  it('-h and -V print and end with exit code 0', () => {
    expect(refused('-V')).to.deep.equal({ code: 0, stdout: '1.2.3\n', stderr: '' });
    const help = refused('--help');
    expect(help.code).to.equal(0);
    expect(help.stdout)
      .to.contain('CAIRN_PORT')
      .and.contain('Examples:')
      .and.contain('--segment-size');
  });
});
