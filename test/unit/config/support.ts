import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ConfigError } from '../../../src/errors.ts';

/** Writes a file that nobody else may read, in a folder of its own. */
export async function writeConfig(name: string, text: string, mode = 0o600): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mmm-config-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, name);
  await writeFile(file, text);
  await chmod(file, mode);
  return file;
}

/** The mistakes a load ends with, without the name of the file: `:3: sentence`. */
export async function mistakesOf(load: Promise<unknown>, file: string): Promise<readonly string[]> {
  const outcome = await load.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(outcome instanceof ConfigError)) throw new Error(`expected a ConfigError, got ${String(outcome)}`);
  return outcome.mistakes.map((mistake) => mistake.replace(file, ''));
}
