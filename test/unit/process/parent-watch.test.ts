// Parent watch: only the server that npx was asked to run is watched, and no server that a program below npx starts.

import { expect } from 'chai';

import { isBelowNpx } from '../../../src/process/parent-watch.js';

function isBelow(npm_lifecycle_script: string, others: NodeJS.ProcessEnv = {}): boolean {
  return isBelowNpx({
    npm_command: 'exec',
    npm_lifecycle_event: 'npx',
    npm_lifecycle_script,
    ...others,
  });
}

describe('isBelowNpx()', () => {
  for (const script of [
    'cairn-kv',
    "'cairn-kv'",
    '"kv-server"',
    "'./node_modules/.bin/kv-server'",
    'cairn-kv "-p" "11311"',
    'kv-server -p 11311 --data "my data"',
  ]) {
    it(`true: npx runs ${script}`, () => {
      expect(isBelow(script)).to.equal(true);
    });
  }

  for (const script of [
    "'start-server-and-test'",
    "'cairn-kv-starter'",
    "'kv-server.sh'",
    'nohup cairn-kv',
    'cairn-kv -p 11311 & echo started',
    'cairn-kv --check-config; start-all',
    'bash',
    '',
  ]) {
    it(`false: npx runs ${script === '' ? 'nothing' : script}, which may start a server and end`, () => {
      expect(isBelow(script)).to.equal(false);
    });
  }

  it('false: below a script of npm or yarn, which inherits the variables', () => {
    expect(isBelow('cairn-kv', { npm_command: 'run-script' })).to.equal(false);
    expect(isBelow('cairn-kv', { npm_lifecycle_event: 'start' })).to.equal(false);
    expect(isBelowNpx({})).to.equal(false);
  });
});
