// kv-load read a pipe twice, once to check it, and then found nothing in it: `kv-load <target> <(zcat dump.gz)` failed. And
// it refused a dump that was copied through Windows (CR LF), because of its checksum.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { temporaryFolder } from '../support/servers.js';
import { runTool } from '../support/tool-run.js';
import { removeFolder } from '../support/remove-folder.js';

const LOAD = join(import.meta.dirname, '../../tools/kv-load.js');
const LINES = '{"key":"a","value":"1"}\n{"key":"b","value":"2"}\n';

describe('kv-load of a source that can be read only once, or has other line ends', () => {
  let root = '';
  let store = '';
  beforeEach(async () => {
    root = temporaryFolder();
    store = join(root, 'store');
    writeFileSync(join(root, 'lines'), LINES);
    await runTool('kv-load', [store, join(root, 'lines'), '--create', '--partial']);
  });
  afterEach(() => removeFolder(root));

  for (const form of ['json', 'ndjson', 'csv'] as const) {
    it(`loads ${form} from a pipe, and with CR LF`, async () => {
      const dump = await runTool('kv-dump', [store, '--format', form]);
      const path = join(root, 'dump');
      writeFileSync(path, dump.stdout);
      const command = '"$0" "$1" "$2" <(cat "$3") --create';
      const words = [process.execPath, LOAD, join(root, 'piped'), path];
      const piped = spawnSync('bash', ['-c', command, ...words], { encoding: 'utf8' });
      expect([piped.status, piped.stderr]).to.satisfy(
        ([code, text]: [number, string]) => code === 0 && text.includes('2 keys loaded'),
        piped.stderr,
      );

      writeFileSync(path, dump.stdout.toString().replaceAll('\n', '\r\n'));
      const { code, stderr } = await runTool('kv-load', [join(root, 'copied'), path, '--create']);
      expect(code, stderr).to.equal(0);
      const again = await runTool('kv-dump', [join(root, 'copied'), '--format', 'ndjson']);
      const first = await runTool('kv-dump', [store, '--format', 'ndjson']);
      expect(again.stdout.toString()).to.equal(first.stdout.toString());
    });
  }

  it('still proves the checksum of lines that end in CR LF', async () => {
    const { stdout } = await runTool('kv-dump', [store, '--format', 'ndjson']);
    const path = join(root, 'dump');
    const changed = stdout.toString().replace('"value":"2"', '"value":"3"');
    writeFileSync(path, changed.replaceAll('\n', '\r\n'));
    const { code, stderr } = await runTool('kv-load', [store, path]);
    expect(code).to.equal(65);
    expect(stderr).to.contain('the checksum is');
  });

  it('names what is missing in an object that is not an entry', async () => {
    const path = join(root, 'objects');
    writeFileSync(path, '{"a":1}\n');
    const { code, stderr } = await runTool('kv-load', [store, path, '--partial']);
    expect(code).to.equal(65);
    expect(stderr).to.contain('its key is not a string');
  });
});
