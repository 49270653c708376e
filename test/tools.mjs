/**
 * Runs the tests, the demo or the benchmark from a bare clone: installs the packages of package-lock.json when
 * they are missing or others, builds the programs, and starts what is asked for.
 * Usage: node test/tools.mjs test|faults|demo|bench [options of that tool]
 * `faults` runs every row of the fault matrix, or with `--row NAME` (names between commas) these.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const compiled = join(root, 'node_modules/.cache/mmm-tools');
const tools = { demo: 'test/demo/demo.js', bench: 'bench/bench.js' };

const [name, ...options] = process.argv.slice(2);
const tool = tools[name];
if (tool === undefined && name !== 'test' && name !== 'faults') {
  fail(`usage: node test/tools.mjs test|faults|${Object.keys(tools).join('|')} [options]`, 2);
}
if (!nodeIsRecent()) fail(`Node 20.19 or later is needed, this is ${process.version}`, 2);
if (packagesDiffer()) step('installing packages', 'npm', ['ci', '--no-audit', '--no-fund']);
step('building', 'npm', ['run', 'build']);
if (name === 'test') {
  step('checking', 'npm', ['run', 'check:static']);
  start('node_modules/vitest/vitest.mjs', ['run', '--config', 'test/support/vitest.config.ts', ...options]);
} else if (name === 'faults') {
  const { rows, rest } = rowsIn(options);
  const project = ['run', '--config', 'test/support/vitest.config.ts', '--project', 'faults'];
  const files = rows === 'all' ? [] : ['test/faults/faults.test.ts'];
  start('node_modules/vitest/vitest.mjs', [...project, ...files, ...rest], { MMM_FAULTS: rows });
} else {
  compileTools();
  start(join(compiled, tool), options);
}

function nodeIsRecent() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major > 20 || (major === 20 && minor >= 19);
}

/** Packages for other platforms are optional and may be missing; any other must be there in its version. */
function packagesDiffer() {
  const installed = packagesIn(join(root, 'node_modules/.package-lock.json'));
  return Object.entries(packagesIn(join(root, 'package-lock.json')))
    .filter(([path]) => path !== '')
    .some(([path, wanted]) => {
      const there = installed[path];
      return there === undefined ? wanted.optional !== true : there.version !== wanted.version;
    });
}

function packagesIn(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {};
}

function compileTools() {
  mkdirSync(compiled, { recursive: true });
  // Inside node_modules the project's own package.json no longer says what kind of modules these are.
  writeFileSync(join(compiled, 'package.json'), '{ "type": "module" }\n');
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  step('compiling', process.execPath, [tsc, '-p', join(root, 'test/tsconfig.tools.json')]);
}

/** Quiet when it works; everything that was printed when it does not. */
function step(what, command, args) {
  console.error(`${what} ...`);
  const done = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (done.status === 0) return;
  fail(
    `${what} failed: ${command} ${args.join(' ')}\n${done.stdout ?? ''}${done.stderr ?? done.error ?? ''}`,
    1,
  );
}

/** `--row NAME`, and the other words. */
function rowsIn(words) {
  const at = words.indexOf('--row');
  if (at === -1) return { rows: 'all', rest: words };
  const rows = words[at + 1];
  if (rows === undefined) fail('--row needs the name of a row, or several between commas', 2);
  return { rows, rest: words.toSpliced(at, 2) };
}

function start(file, args, env = {}) {
  const child = spawn(process.execPath, ['--enable-source-maps', file, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  // A terminal sends Ctrl-C to both: the tool cleans up, this waits for it.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code) => process.exit(code ?? 1));
}

function fail(text, code) {
  console.error(text);
  process.exit(code);
}
