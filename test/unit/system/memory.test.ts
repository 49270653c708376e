import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigError } from '../../../src/errors.ts';
import { createMemory } from '../../../src/system/memory.ts';
import { stable } from '../../support/world.ts';
import { temporaryFolder } from './support.ts';

const sign = '8d9a4b2924dc40baa792d742cb786345';

test('what was raised and spent is known after a restart, per program and cluster', async () => {
  const dir = join(await temporaryFolder(), 'new/state');
  const memory = await createMemory({ dir, program: 'mmm-agent' });
  expect([memory.floor(sign), memory.spent(sign, 'a:1')]).toEqual([0, 0]);
  await memory.raise(sign, 42);
  await memory.spend(sign, 'a:1', 41);
  await memory.spend(sign, 'b:1', 42);
  const again = await createMemory({ dir, program: 'mmm-agent' });
  expect([again.floor(sign), again.spent(sign, 'a:1'), again.spent(sign, 'b:1')]).toEqual([42, 41, 42]);
  expect([again.floor('other'), again.spent('other', 'a:1')]).toEqual([0, 0]);
  expect((await createMemory({ dir, program: 'mmm' })).floor(sign)).toBe(0);
});

test('a generation never falls, whatever order the writes come in', async () => {
  const dir = await temporaryFolder();
  const memory = await createMemory({ dir, program: 'p' });
  await Promise.all([7, 3, 9, 1, 8].map((generation) => memory.raise(sign, generation)));
  await Promise.all([7, 3, 9, 1].map((generation) => memory.spend(sign, 'a:1', generation)));
  expect(memory.floor(sign)).toBe(9);
  const again = await createMemory({ dir, program: 'p' });
  expect([again.floor(sign), again.spent(sign, 'a:1')]).toEqual([9, 9]);
});

test('what is asked for at once is all remembered', async () => {
  const dir = await temporaryFolder();
  const memory = await createMemory({ dir, program: 'p' });
  const topology = stable({ uniqsign: sign });
  const asked = [memory.raise(sign, 42), memory.keep(topology), memory.spend(sign, 'a:1', 41)];
  await asked[0];
  await Promise.all([...asked, memory.spend(sign, 'b:1', 42)]);
  const again = await createMemory({ dir, program: 'p' });
  expect([again.floor(sign), again.spent(sign, 'a:1'), again.spent(sign, 'b:1')]).toEqual([42, 41, 42]);
  expect(again.kept(sign)).toEqual(topology);
});

test('the folder and the files are for nobody else, and nothing is left lying around', async () => {
  const dir = join(await temporaryFolder(), 'state');
  await (await createMemory({ dir, program: 'p' })).raise(sign, 1);
  const files = await readdir(dir);
  expect(files).toEqual([`p.${sign}.json`]);
  expect((await stat(dir)).mode & 0o777).toBe(0o700);
  expect((await stat(join(dir, `p.${sign}.json`))).mode & 0o777).toBe(0o600);
});

test.for([
  ['cut short', '{"v":1,"uniqsign":"8d'],
  ['empty', ''],
  ['of another version', `{"v":2,"uniqsign":"${sign}","floor":4,"spent":{}}`],
  ['negative', `{"v":1,"uniqsign":"${sign}","floor":-4,"spent":{}}`],
  ['about another cluster', '{"v":1,"uniqsign":"other","floor":4,"spent":{}}'],
])('a file that is %s is an error that names it, never a silent zero', async ([, text]) => {
  const dir = await temporaryFolder();
  const file = join(dir, `p.${sign}.json`);
  await writeFile(file, text ?? '');
  const error = await createMemory({ dir, program: 'p' }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  expect(String(error)).toContain(file);
  expect(String(error)).toContain('restore the file');
  expect(await readFile(file, 'utf8')).toBe(text);
});

test('a write that fails is reported, the floor holds meanwhile, and the next write works', async () => {
  const dir = await temporaryFolder();
  const memory = await createMemory({ dir, program: 'p' });
  const file = join(dir, `p.${sign}.json`);
  await mkdir(join(file, 'in the way'), { recursive: true });
  await expect(memory.raise(sign, 5)).rejects.toThrow();
  await expect(memory.spend(sign, 'a:1', 5)).rejects.toThrow();
  expect([memory.floor(sign), memory.spent(sign, 'a:1')]).toEqual([5, 0]);
  await rm(file, { recursive: true });
  await memory.raise(sign, 5);
  expect((await createMemory({ dir, program: 'p' })).floor(sign)).toBe(5);
  expect(await readdir(dir)).toEqual([`p.${sign}.json`]);
});

test('the newest topology is kept across a restart, and the clusters are known', async () => {
  const dir = await temporaryFolder();
  const memory = await createMemory({ dir, program: 'p' });
  expect([memory.kept(sign), memory.clusters()]).toEqual([null, []]);
  await memory.keep(stable({ generation: 42, step: 2 }));
  await memory.keep(stable({ generation: 42, step: 1 }));
  await memory.keep(stable({ generation: 41, step: 9 }));
  const again = await createMemory({ dir, program: 'p' });
  expect(again.kept(sign)).toEqual(stable({ generation: 42, step: 2 }));
  expect(again.clusters()).toEqual([sign]);
});

test('a file of the version before, which kept no topology, is still read', async () => {
  const dir = await temporaryFolder();
  await writeFile(join(dir, `p.${sign}.json`), `{"v":1,"uniqsign":"${sign}","floor":4,"spent":{"a:1":3}}`);
  const memory = await createMemory({ dir, program: 'p' });
  expect([memory.floor(sign), memory.spent(sign, 'a:1'), memory.kept(sign)]).toEqual([4, 3, null]);
});

test('a kept topology that cannot be read is none, and the generations count on', async () => {
  const dir = await temporaryFolder();
  const text = `{"v":1,"uniqsign":"${sign}","floor":4,"spent":{},"kept":{"v":7}}`;
  await writeFile(join(dir, `p.${sign}.json`), text);
  const memory = await createMemory({ dir, program: 'p' });
  expect([memory.floor(sign), memory.kept(sign)]).toEqual([4, null]);
});

test('a uniqsign that is a path reaches no file', async () => {
  const dir = await temporaryFolder();
  const memory = await createMemory({ dir, program: 'p' });
  await expect(memory.raise('../../etc/x', 1)).rejects.toThrow();
  expect(await readdir(dir)).toEqual([]);
});

test('a state directory that cannot be made is a configuration error', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'file'), '');
  await chmod(folder, 0o755);
  await expect(createMemory({ dir: join(folder, 'file/state'), program: 'p' })).rejects.toThrow(ConfigError);
});
