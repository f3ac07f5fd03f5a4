import { expect } from 'chai';

import { originOf, Origins } from '../../../../src/server/login/origins.js';

describe('originOf()', () => {
  it('gives one origin to all unix sockets, to both forms of an IPv4 address, and to an IPv6 network', () => {
    expect(originOf(undefined)).to.equal('unix');
    expect(originOf('10.1.2.3')).to.equal('10.1.2.3');
    expect(originOf('::ffff:10.1.2.3')).to.equal('10.1.2.3');
    expect(originOf('2001:db8:1:2:3:4:5:6')).to.equal('2001:db8:1:2::/64');
    expect(originOf('2001:db8:1:2::9')).to.equal('2001:db8:1:2::/64');
    expect(originOf('2001:db8::9')).to.equal('2001:db8:0:0::/64');
    expect(originOf('fe80::1%eth0')).to.equal('fe80:0:0:0::/64');
    expect(originOf('::1')).to.equal('0:0:0:0::/64');
  });
});

describe('Origins', () => {
  it('forgets failures a minute after the last one', () => {
    const origin = new Origins().of('10.0.0.1');
    origin.failed(1000);
    origin.failed(2000);
    expect(origin.failures(61_999)).to.equal(2);
    expect(origin.failures(62_000)).to.equal(0);
    origin.failed(70_000);
    expect(origin.failures(70_000)).to.equal(1);
  });

  it('remembers a bounded number of origins, and every origin with waiting checks', () => {
    const origins = new Origins();
    const waiting = origins.of('10.0.0.1');
    waiting.checks = 1;
    const idle = origins.of('10.0.0.2');
    for (let n = 0; n < 20_000; n++) origins.of(`10.1.${n >> 8}.${n & 255}`);
    expect(origins.size).to.equal(10_000);
    expect(origins.of('10.0.0.1')).to.equal(waiting);
    expect(origins.of('10.0.0.2')).not.to.equal(idle);
  });
});
