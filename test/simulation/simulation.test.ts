/** The product's own programs on virtual time: see simulate.ts. A failing seed prints its story. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SIMULATE = fileURLToPath(new URL('./simulate.mjs', import.meta.url));

function simulate(...words: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SIMULATE, ...words], { encoding: 'utf8' });
  console.log(stdout.trim());
  expect(status, stderr.slice(0, 30_000)).toBe(0);
}

it('300 sites under random trouble keep every invariant', () => simulate('--seeds', '300'), 120_000);

it('a daemon may die at any call in a handover', () => simulate('--crashes', '--every', '8'), 120_000);
