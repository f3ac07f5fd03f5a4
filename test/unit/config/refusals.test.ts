// Command lines and variables that users write by mistake: each gets a message that names the mistake and what is right.

import { expect } from 'chai';

import { readConfig, type Config } from '../../../src/config/config.js';

type Environment = Record<string, string>;

function refusal(argv: readonly string[], env: Environment = {}): string {
  const read = readConfig(argv, env, '1.2.3');
  if (!('code' in read)) throw new Error(`${argv.join(' ')} was accepted`);
  expect(read.code).to.equal(64);
  return read.stderr.split('\n', 1)[0]!;
}

function taken(argv: readonly string[], env: Environment = {}): Config {
  const read = readConfig(argv, env, '1.2.3');
  if ('code' in read) throw new Error(read.stderr);
  return read;
}

describe('valueRefusal()', () => {
  for (const argv of [
    ['--data', '-v'],
    ['--data', '-p', '11311'],
    ['-s', '--data', 'x'],
    ['-l', '-p', '80'],
    ['-u', '-d'],
    ['-P', '--daemon'],
    ['-f', '-n', '48'],
    ['--config', '-v'],
  ])
    it(`names the flag that has no value: ${argv.join(' ')}`, () => {
      const said = refusal(argv);
      expect(said).to.contain(`needs a value, and '${argv[1]}' looks like the next flag`);
      expect(said).to.match(new RegExp(`option '(?:-., )?[^']*`)).and.contain(argv[0]);
    });

  it('refuses an empty value, and an equals sign after a short flag', () => {
    expect(refusal(['-u', ''])).to.contain("'-u, --user <name>' needs a value");
    expect(refusal(['-P', ''])).to.contain('Give a path');
    expect(refusal(['-s=cairn.sock'])).to.contain(
      'Write -s cairn.sock or --unix-socket=cairn.sock',
    );
  });

  it('takes negative numbers, a dash and an equals sign where they have a meaning', () => {
    expect(taken(['-p', '-1']).endpoints).to.have.length(1);
    expect(taken(['-D', '-']).prefixDelimiter).to.equal('-');
    expect(taken(['-D=']).prefixDelimiter).to.equal('=');
    expect(taken(['-o', '']).notes).to.deep.equal([]);
  });
});

describe('explained()', () => {
  it('names a word that belongs to no flag, and the -- that npm needs', () => {
    expect(refusal(['start']))
      .to.contain("'start' belongs to no flag")
      .and.not.contain('npm');
    expect(refusal(['8080'], { npm_lifecycle_event: 'start' })).to.contain('npm start -- -p 8080');
  });

  it('names a flag that takes no value', () => {
    const said = refusal(['-p', '80', '--daemon=true']);
    expect(said).to.contain("'-d, --daemon' takes no value: leave out '=true'");
    expect(refusal(['--nonsense=1'])).to.contain("unknown option '--nonsense=1'");
  });
});

describe('A path that no shell has read', () => {
  for (const [path, said] of [
    ['~/data', 'Only a shell replaces'],
    ['$HOME/data', 'Only a shell replaces'],
    ['${HOME}/data', 'Only a shell replaces'],
    ['"/var/lib/cairn"', 'Leave out the quotes'],
    ["'/var/lib/cairn'", 'Leave out the quotes'],
    ['/var/lib/cairn\r', 'control character'],
    ['/var/lib/\u001b[2Jcairn', 'control character'],
  ] as const)
    it(`is refused on the command line and in the environment, and printed safely: ${JSON.stringify(path)}`, () => {
      for (const flag of ['data', 'unix-socket', 'pidfile', 'auth-file', 'config']) {
        const variable = `CAIRN_${flag.toUpperCase().replace('-', '_')}`;
        for (const text of [refusal([`--${flag}`, path]), refusal([], { [variable]: path })])
          expect(text, flag)
            .to.contain(said)
            .and.not.match(/\p{Cc}/u);
      }
    });

  it('may have these characters elsewhere', () => {
    for (const path of ['./~/data', 'a~', 'a$b', 'it"s', './$HOME', '$1'])
      expect(taken(['--data', path]).dataDir).to.equal(path);
  });
});

describe('Lists as memcached takes them', () => {
  it('-l takes commas and semicolons, also superfluous ones', () => {
    for (const list of [
      '10.0.0.1,10.0.0.2',
      '10.0.0.1;10.0.0.2',
      '10.0.0.1, 10.0.0.2,',
      ',10.0.0.1;;10.0.0.2',
    ])
      expect(taken(['-l', list]).endpoints, list).to.have.length(2);
    for (const list of [',', ';', ' '])
      expect(refusal(['-l', list])).to.contain('is not an address');
  });

  it('-o takes blanks after its commas', () => {
    expect(taken(['-o', 'modern, hashpower=20']).notes).to.have.length(2);
  });
});

describe('The variables of a Kubernetes service', () => {
  it('are ignored for every name that begins with cairn', () => {
    const address = 'tcp://10.0.0.7:11211';
    for (const service of ['CAIRN', 'CAIRN_KV', 'CAIRN_CACHE_EU', 'CAIRN_PLAIN']) {
      const env = {
        [`${service}_SERVICE_HOST`]: '10.0.0.7',
        [`${service}_SERVICE_PORT`]: '11211',
        [`${service}_SERVICE_PORT_MEMCACHE`]: '11211',
        [`${service}_PORT`]: address,
        [`${service}_PORT_11211_TCP`]: address,
        [`${service}_PORT_11211_TCP_ADDR`]: '10.0.0.7',
        [`${service}_PORT_11211_TCP_PORT`]: '11211',
        [`${service}_PORT_11211_TCP_PROTO`]: 'tcp',
      };
      expect(taken([], env).endpoints).to.deep.equal(taken([]).endpoints);
    }
  });

  it('do not hide a misspelled variable, whose message says what to do', () => {
    const said = refusal([], { CAIRN_HTTP_PORT: '8080' });
    expect(said).to.contain('no environment variable CAIRN_HTTP_PORT').and.contain('unset');
  });
});
