import { expect } from 'chai';

import {
  describeEndpoint,
  endpointFromEnvironment,
  parseEndpoint,
} from '../../../../tools/client/endpoint.js';

describe('parseEndpoint()', () => {
  it('reads ports, hosts with ports, IPv6 and sockets, and nothing else', () => {
    expect(parseEndpoint('11211')).to.deep.equal({ kind: 'tcp', host: '127.0.0.1', port: 11211 });
    expect(parseEndpoint('11', 'db')).to.deep.equal({ kind: 'tcp', host: 'db', port: 11 });
    expect(parseEndpoint('db.x:1')).to.deep.equal({ kind: 'tcp', host: 'db.x', port: 1 });
    expect(parseEndpoint('[::1]:5')).to.deep.equal({ kind: 'tcp', host: '::1', port: 5 });
    expect(parseEndpoint('./s.sock')).to.deep.equal({ kind: 'unix', path: './s.sock' });
    expect(parseEndpoint('get')).to.equal(undefined);
    expect(parseEndpoint('localhost')).to.equal(undefined);
    expect(() => parseEndpoint('99999')).to.throw('not a port');
  });

  it('reads an endpoint behind memcached://, and repeats no login', () => {
    expect(parseEndpoint('memcached://db')).to.deep.equal({ kind: 'tcp', host: 'db', port: 11211 });
    expect(parseEndpoint('memcached://db.x:7/')).to.deep.equal({
      kind: 'tcp',
      host: 'db.x',
      port: 7,
    });
    expect(parseEndpoint('memcached://[::1]')).to.deep.equal({
      kind: 'tcp',
      host: '::1',
      port: 11211,
    });
    expect(parseEndpoint('memcached:///run/s')).to.deep.equal({ kind: 'unix', path: '/run/s' });
    for (const word of [
      'memcached://',
      'memcached://a/b',
      'memcached://a b',
      'memcached://db:99999',
    ])
      expect(() => parseEndpoint(word), word).to.throw();
    expect(() => parseEndpoint('memcached://ann:secret@db'))
      .to.throw('--password-file')
      .and.to.have.property('message')
      .that.does.not.contain('secret');
  });
});

function name(env: NodeJS.ProcessEnv): string {
  return describeEndpoint(endpointFromEnvironment(env));
}

describe('endpointFromEnvironment()', () => {
  it('takes CAIRN_HOST and CAIRN_PORT, and otherwise the default', () => {
    expect(name({})).to.equal('127.0.0.1:11211');
    expect(name({ CAIRN_HOST: '::1', CAIRN_PORT: '5' })).to.equal('[::1]:5');
    expect(name({ CAIRN_HOST: '/run/kv.sock' })).to.equal('/run/kv.sock');
    expect(() => name({ CAIRN_PORT: 'x' })).to.throw('CAIRN_PORT');
  });
});
