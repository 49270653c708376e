import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConfigError } from '../../../src/errors.ts';
import { createMemory } from '../../../src/system/memory.ts';
import { prepareStateDir } from '../../../src/system/state-dir.ts';
import { asNobody, isRoot } from '../../support/as-nobody.ts';
import { compileSystem, temporaryFolder } from './support.ts';

let compiled = '';
beforeAll(async () => {
  compiled = await compileSystem();
}, 30_000);
afterAll(() => rm(compiled, { recursive: true, force: true }));

/** The one sentence that the start ends with. */
async function told(work: Promise<unknown>): Promise<string> {
  const outcome = await work.catch((error: unknown) => error);
  if (!(outcome instanceof ConfigError)) throw new Error(`no ConfigError: ${String(outcome)}`);
  expect(outcome.mistakes).toHaveLength(1);
  return outcome.mistakes[0] ?? '';
}

test('a directory that can be used is made and left empty', async () => {
  const dir = join(await temporaryFolder(), 'a/b');
  await prepareStateDir(dir);
  expect(await readdir(dir)).toEqual([]);
});

test('a file in the way is named, wherever it stands', async () => {
  const file = join(await temporaryFolder(), 'file');
  await writeFile(file, '');
  expect(await told(prepareStateDir(file))).toBe(
    `state directory ${file} cannot be used: a file of that name stands in the way (EEXIST); move that file away, or name another one as [state] dir=`,
  );
  expect(await told(prepareStateDir(`${file}/state`))).toBe(
    `state directory ${file}/state cannot be used: a file stands where a folder is wanted (ENOTDIR); move that file away, or name another one as [state] dir=`,
  );
});

test('a place where nothing can be made is named', async () => {
  const loop = join(await temporaryFolder(), 'loop');
  await symlink(loop, loop);
  // Node's own recursive mkdir never returns there.
  expect(await told(prepareStateDir(loop))).toMatch(
    /cannot be used: .*; .*, or name another one as \[state\] dir=$/,
  );
  expect(await told(prepareStateDir('/proc/mmm'))).toContain(
    'state directory /proc/mmm cannot be used: no such file or folder (ENOENT); make it writable for ',
  );
});

test.skipIf(!isRoot)(
  'another user is told how to get a directory, and what to do about its files',
  async () => {
    const folder = await temporaryFolder();
    await chmod(folder, 0o755);
    const dir = join(folder, 'state');
    expect(await told(asNobody(() => prepareStateDir(dir)))).toBe(
      `state directory ${dir} cannot be used: permission denied (EACCES); as root: mkdir -p ${dir} && chown -R nobody ${dir} && chmod 700 ${dir}, or name another one as [state] dir=`,
    );
    await mkdir(dir);
    const closed = asNobody(() => prepareStateDir(dir));
    expect(await told(closed)).toContain(`chown -R nobody ${dir}`);
    await chmod(dir, 0o777);
    const file = join(dir, 'p.x.json');
    await writeFile(file, '{"v":1,"uniqsign":"x","floor":4,"spent":{}}', { mode: 0o600 });
    expect(await told(asNobody(() => createMemory({ dir, program: 'p' })))).toBe(
      `${file} cannot be read: permission denied (EACCES); give the folder and all in it to the user of this program (chown -R)`,
    );
  },
);

test('a directory that takes no more bytes is refused at the start, not in the middle of a handover', async () => {
  const dir = join(await temporaryFolder(), 'full');
  const script = `
    const { lockStateDir } = await import(${JSON.stringify(join(compiled, 'system/lock.js'))});
    const said = await lockStateDir({ dir: ${JSON.stringify(dir)}, program: 'p' }).then(() => 'held', String);
    console.log(said);`;
  const command = 'ulimit -f 0; exec "$0" --input-type=module -e "$1"';
  const run = spawnSync('sh', ['-c', `(${command}) | cat`, process.execPath, script], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  expect(run.stdout).toContain(
    `state directory ${dir} cannot be used: the file may not grow further (EFBIG); make room, or name another one`,
  );
  expect(await readdir(dir)).toEqual([]);
});

test('a disk that fills up later is told with the file, the reason and what happens next', async () => {
  const dir = await temporaryFolder();
  const memory = await createMemory({ dir, program: 'p' });
  await mkdir(join(dir, 'p.x.json', 'in the way'), { recursive: true });
  await expect(memory.raise('x', 5)).rejects.toThrow(
    /p\.x\.json cannot be written, so the generation is not remembered: .*; mend that, it is tried again$/,
  );
});
