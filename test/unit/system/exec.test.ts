import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CommandError } from '../../../src/errors.ts';
import { createExec } from '../../../src/system/exec.ts';
import { eventually } from '../../support/eventually.ts';
import { temporaryFolder } from './support.ts';

const exec = createExec({ timeoutMs: 5000 });

test('a command gets its words untouched, its input and its folder, and its output is returned', async () => {
  expect(await exec.run(['printf', '%s|', 'a b', '$HOME', '`id`', '*', ';'])).toEqual({
    output: 'a b|$HOME|`id`|*|;|',
  });
  expect(await exec.run(['cat'], { stdin: 'from us\n' })).toEqual({ output: 'from us' });
  const cwd = await temporaryFolder();
  expect(await exec.run(['pwd'], { cwd })).toEqual({ output: cwd });
});

test('a command without input finds its input at the end', async () => {
  expect(await exec.run(['cat'])).toEqual({ output: '' });
});

test('a failed command names itself, its exit code and what it said on both outputs, not its arguments', async () => {
  const error = await exec
    .run(['sh', '-c', 'echo out; echo err >&2; exit 3', 's3cret'])
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CommandError);
  expect(String(error)).toMatch(/sh failed with exit code 3: (out\nerr|err\nout)$/);
  expect(JSON.stringify(error) + String(error)).not.toContain('s3cret');
});

test('a command that cannot be started or is killed says so', async () => {
  await expect(exec.run(['/nowhere/cmd', 's3cret'])).rejects.toThrow(
    /^\/nowhere\/cmd cannot be started: (?!.*s3cret).*ENOENT/,
  );
  await expect(exec.run(['sh', '-c', 'kill -TERM $$'])).rejects.toThrow('sh was ended by SIGTERM');
  await expect(exec.run(['true'], { cwd: '/nowhere' })).rejects.toThrow('true cannot be started');
  await expect(exec.run([])).rejects.toThrow(CommandError);
});

test('at the timeout the command and its children are killed, even when they ignore TERM', async () => {
  const pidFile = join(await temporaryFolder(), 'pid');
  const start = performance.now();
  const script = `trap '' TERM; sh -c 'trap "" TERM; echo $$ > ${pidFile}; while :; do sleep 1; done' & echo on; wait`;
  await expect(createExec({ timeoutMs: 400 }).run(['sh', '-c', script])).rejects.toThrow(
    'sh was killed after 400ms: on',
  );
  expect(performance.now() - start).toBeLessThan(3000);
  const pid = Number(await readFile(pidFile, 'utf8'));
  await eventually('the grandchild is gone', () => !isAlive(pid));
});

test('a command that leaves a daemon behind counts as ended, and the daemon lives on', async () => {
  const pidFile = join(await temporaryFolder(), 'pid');
  const start = performance.now();
  const { output } = await exec.run(['sh', '-c', `sleep 30 & echo $! > ${pidFile}; echo reloaded`]);
  expect(output).toBe('reloaded');
  expect(performance.now() - start).toBeLessThan(3000);
  const pid = Number(await readFile(pidFile, 'utf8'));
  expect(isAlive(pid)).toBe(true);
  process.kill(pid, 'SIGKILL');
});

test('a chatty command is cut at 8 KiB and neither blocks nor fails', async () => {
  const { output } = await exec.run(['sh', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x']);
  expect(output).toBe(`${'x'.repeat(8192)} ... (cut)`);
});

test('a command that does not read its input does not fail for it', async () => {
  await exec.run(['true'], { stdin: 'x'.repeat(1_000_000) });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
