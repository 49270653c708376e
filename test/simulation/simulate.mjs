/**
 * Compiles the simulation and starts it.
 * Usage: npm run simulate -- [--seeds N] [--seed S] [--talk] | --crashes | --crash JSON | --mutants | --mutant NAME
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const compiled = join(root, 'node_modules/.cache/mmm-simulation');

mkdirSync(join(compiled, 'test/simulation'), { recursive: true });
// Inside node_modules the project's own package.json no longer says what kind of modules these are.
writeFileSync(join(compiled, 'package.json'), '{ "type": "module" }\n');
for (const name of ['hooks.mjs', 'start-worker.mjs']) {
  copyFileSync(join(here, name), join(compiled, 'test/simulation', name));
}
cpSync(join(root, 'src/hub/lua'), join(compiled, 'src/hub/lua'), { recursive: true });
run([join(root, 'node_modules/typescript/bin/tsc'), '-p', here]);
run(['--enable-source-maps', join(compiled, 'test/simulation/simulate.js'), ...process.argv.slice(2)]);

function run(words) {
  const { status } = spawnSync(process.execPath, words, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
