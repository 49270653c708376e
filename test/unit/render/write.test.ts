import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CommandError } from '../../../src/errors.ts';
import { applyText, wordsOf } from '../../../src/render/apply.ts';
import { readTemplate } from '../../../src/render/source.ts';
import { stage } from '../../../src/render/write.ts';

let folder = '';
let dest = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mmm-write-'));
  dest = join(folder, 'haproxy.cfg');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('a staged text is complete on disk while the old file still stands', async () => {
  await writeFile(dest, 'old\n');
  const staged = await stage(dest, 'new\n', 0o640);
  expect(await readFile(dest, 'utf8')).toBe('old\n');
  expect(await readFile(staged.path, 'utf8')).toBe('new\n');
  expect(await staged.persist()).toBe('renamed');
  expect(await readFile(dest, 'utf8')).toBe('new\n');
  expect((await stat(dest)).mode & 0o777).toBe(0o640);
  expect(await readdir(folder)).toEqual(['haproxy.cfg']);
});

test("what a killed writer left behind is in nobody's way", async () => {
  const left = await stage(dest, 'half', 0o644);
  const staged = await stage(dest, 'whole\n', 0o644);
  expect(staged.path).toBe(left.path);
  await staged.persist();
  expect(await readFile(dest, 'utf8')).toBe('whole\n');
});

test('a link stays a link', async () => {
  await writeFile(join(folder, 'real.cfg'), 'old\n');
  await symlink('real.cfg', dest);
  await (await stage(dest, 'new\n', 0o644)).persist();
  expect((await lstat(dest)).isSymbolicLink()).toBe(true);
  expect(await readFile(join(folder, 'real.cfg'), 'utf8')).toBe('new\n');
});

test('the same bytes are nothing: no check, no write', async () => {
  await writeFile(dest, 'text\n');
  const before = await stat(dest);
  expect(await apply('text\n', () => Promise.reject(new Error('must not run')))).toBe('same');
  expect((await stat(dest)).ino).toBe(before.ino);
});

test('a check that fails keeps the old file and leaves nothing behind', async () => {
  await writeFile(dest, 'old\n');
  const seen: string[] = [];
  const run = async (words: readonly string[]) => {
    seen.push(await readFile(words[1] ?? '', 'utf8'));
    throw new CommandError('check failed with exit code 1');
  };
  await expect(apply('new\n', run)).rejects.toThrow('exit code 1');
  expect(seen).toEqual(['new\n']);
  expect(await readFile(dest, 'utf8')).toBe('old\n');
  expect(await readdir(folder)).toEqual(['haproxy.cfg']);
});

test('newer news during the check keep the old file', async () => {
  await writeFile(dest, 'old\n');
  const output = { dest, mode: 0o644, checkCmd: ['check', '{{stage}}'], tag: 'a' };
  expect(
    await applyText(
      output,
      'new\n',
      async () => undefined,
      () => false,
    ),
  ).toBe('given up');
  expect(await readFile(dest, 'utf8')).toBe('old\n');
});

test('a missing folder is an error that names the file', async () => {
  await expect(stage(join(folder, 'none', 'x.cfg'), 'text\n', 0o644)).rejects.toThrow(
    'none/x.cfg cannot be staged',
  );
});

test('placeholders are filled inside words, and nothing is split or expanded', () => {
  const values = { dest: '/etc/a b', tag: 'mysql3308', stage: '/etc/.x;y' };
  expect(wordsOf(['check', '-f={{stage}}', '{{dest}}', '{{tag}}{{other}}', '$HOME'], values)).toEqual([
    'check',
    '-f=/etc/.x;y',
    '/etc/a b',
    'mysql3308{{other}}',
    '$HOME',
  ]);
});

test('a template that others may change is refused', async () => {
  const template = join(folder, 'mine.hbs');
  await writeFile(template, 'text\n');
  expect(await readTemplate('mine.hbs', folder)).toBe('text\n');
  await chmod(template, 0o666);
  await expect(readTemplate('mine.hbs', folder)).rejects.toThrow(`chmod go-w ${template}`);
});

test('a template is looked for in the folder first, then among the shipped ones', async () => {
  await writeFile(join(folder, 'haproxy.cfg.hbs'), 'own\n');
  expect(await readTemplate('haproxy.cfg.hbs', folder)).toBe('own\n');
  expect(await readTemplate('haproxy.cfg.hbs', null)).toContain('listen mysql_{{tag}}');
  await expect(readTemplate('none.hbs', folder)).rejects.toThrow('is not there');
});

function apply(text: string, run: (words: readonly string[]) => Promise<unknown>): Promise<string> {
  return applyText({ dest, mode: 0o644, checkCmd: ['check', '{{stage}}'], tag: 'a' }, text, run, () => true);
}
