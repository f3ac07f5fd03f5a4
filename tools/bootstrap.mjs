// Makes a fresh clone runnable: installs the packages of package-lock.json and compiles to dist/, each only when
// needed. It is plain JavaScript, because nothing is installed when it first runs.
// Invariant: dist/ never holds a file whose source is gone, because it is removed before each build.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'dist', '.built');

// The version is checked before anything is installed for a Node that could not run it.
const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.slice(2);
const [have, need] = [process.versions.node, wanted].map((text) => text.split('.').map(Number));
const differs = need.findIndex((part, at) => part !== have[at]);
if (differs >= 0 && have[differs] < need[differs]) {
  process.stderr.write(
    `cairn: Node ${process.versions.node} is too old: ${wanted} or newer is needed\n`,
  );
  process.exit(64);
}

function mtimeMs(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

// Runs of the benchmarks write these folders next to their sources.
const NOT_SOURCES = new Set(['node_modules', 'results']);

/** Returns the time of the newest change below a folder. The folders themselves count, so that a removal shows too. */
function newestMs(dir) {
  if (!existsSync(dir)) return 0;
  let newest = mtimeMs(dir);
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (NOT_SOURCES.has(entry.name)) continue;
    const path = join(dir, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestMs(path) : mtimeMs(path));
  }
  return newest;
}

function run(command, args) {
  // Messages go to stderr: stdout belongs to the command that is started afterwards.
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

/**
 * Checks whether node_modules holds every package of the lock file in its version. Optional packages may be missing.
 */
function isInstalled() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const wanted = Object.entries(
    JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages,
  );
  return wanted.every(
    ([name, { version, optional }]) => name === '' || optional || have[name]?.version === version,
  );
}

if (!isInstalled()) {
  process.stderr.write('cairn: installing dependencies\n');
  run('npm', ['ci', '--no-audit', '--no-fund']);
}

const sources = ['src', 'tools', 'test', 'benchmarks'].map((name) => newestMs(join(root, name)));
const newest = Math.max(...sources, mtimeMs(join(root, 'tsconfig.json')));
if (process.argv.includes('--force') || mtimeMs(stamp) < newest) {
  process.stderr.write('cairn: compiling\n');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  run(process.execPath, [tsc]);
  // The page runs in browsers: it is compiled against other libraries, and other files beside its modules are served
  // unchanged.
  const page = join('src', 'http', 'page', 'browser');
  run(process.execPath, [tsc, '-p', join(root, page)]);
  for (const name of readdirSync(join(root, page)).filter((each) =>
    /\.(?:html|css|svg)$/.test(each),
  )) {
    copyFileSync(join(root, page, name), join(root, 'dist', page, name));
  }
  writeFileSync(stamp, '');
}
