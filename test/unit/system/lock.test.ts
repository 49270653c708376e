import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConfigError } from '../../../src/errors.ts';
import { lockStateDir } from '../../../src/system/lock.ts';
import { compileSystem, temporaryFolder } from './support.ts';

let compiled = '';

beforeAll(async () => {
  compiled = await compileSystem();
}, 30_000);
afterAll(() => rm(compiled, { recursive: true, force: true }));

/** A process that takes the lock and says `held` or the error; `stay` keeps it running. */
function holder(dir: string, stay: boolean): ChildProcess {
  const script = `
    const { lockStateDir } = await import(${JSON.stringify(join(compiled, 'system/lock.js'))});
    const said = await lockStateDir({ dir: ${JSON.stringify(dir)}, program: 'p' }).then(() => 'held', String);
    process.stdout.write(said + '\\n');
    ${stay ? 'setInterval(() => undefined, 1000);' : ''}`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  return chunk.toString().trim();
}

test('a second holder is refused until the first lets go', async () => {
  const dir = await temporaryFolder();
  const first = await lockStateDir({ dir, program: 'p' });
  await expect(lockStateDir({ dir, program: 'p' })).rejects.toThrow(ConfigError);
  await expect(lockStateDir({ dir, program: 'p' })).rejects.toThrow('held by another running p: stop it');
  const other = await lockStateDir({ dir, program: 'q' });
  await first.release();
  const second = await lockStateDir({ dir, program: 'p' });
  await second.release();
  await other.release();
  expect(await readdir(dir)).toEqual([]);
});

test('a killed holder is replaced at once, and a living one is not', async () => {
  const dir = await temporaryFolder();
  const child = holder(dir, true);
  expect(await firstLine(child)).toBe('held');
  await expect(lockStateDir({ dir, program: 'p' })).rejects.toThrow('held by another');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const start = performance.now();
  const lock = await lockStateDir({ dir, program: 'p' });
  expect(performance.now() - start).toBeLessThan(5000);
  await expect(lockStateDir({ dir, program: 'p' })).rejects.toThrow('held by another');
  await lock.release();
});

test('of many who find a dead lock at the same time exactly one gets it', async () => {
  for (let round = 0; round < 5; round += 1) {
    const dir = await temporaryFolder();
    const dead = holder(dir, true);
    expect(await firstLine(dead)).toBe('held');
    dead.kill('SIGKILL');
    await once(dead, 'exit');
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, () => lockStateDir({ dir, program: 'p' })),
    );
    const held = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(held).toHaveLength(1);
    await held[0]?.release();
    expect(await readdir(dir)).toEqual([]);
  }
});

test('of many who start in an empty folder exactly one gets the lock', async () => {
  const dir = await temporaryFolder();
  const tries = await Promise.allSettled(
    Array.from({ length: 8 }, () => lockStateDir({ dir, program: 'p' })),
  );
  const held = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  expect(held).toHaveLength(1);
  await held[0]?.release();
});

test('a process that holds a lock and has nothing else to do ends', async () => {
  const child = holder(await temporaryFolder(), false);
  const [code] = (await once(child, 'exit')) as [number];
  expect(code).toBe(0);
});

test('a folder whose path is too long for a socket is refused with the number of bytes to save', async () => {
  const dir = join(await temporaryFolder(), 'x'.repeat(100));
  await expect(lockStateDir({ dir, program: 'mmm-agent' })).rejects.toThrow(/too long a path.*by \d+ bytes/);
});

test('something else under the name of the lock is not taken for a dead holder', async () => {
  const dir = await temporaryFolder();
  const silent = createServer(() => undefined).listen(join(dir, 'p.lock'));
  await once(silent, 'listening');
  await expect(lockStateDir({ dir, program: 'p' })).rejects.toThrow('held by another');
  silent.close();
  await once(silent, 'close');
  await writeFile(join(dir, 'p.lock'), 'left over');
  await (await lockStateDir({ dir, program: 'p' })).release();
});
