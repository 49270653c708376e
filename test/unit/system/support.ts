import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const project = join(import.meta.dirname, '../../..');

/** A folder that goes away with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mmm-system-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Compiles `src/system` for child processes, where vitest cannot help: returns the folder with its modules.
 * It lies inside the project so that packages are found.
 */
export async function compileSystem(): Promise<string> {
  const cache = join(project, 'node_modules/.cache');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'system-'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const settings = {
    extends: join(project, 'tsconfig.json'),
    compilerOptions: { outDir: folder, rootDir: join(project, 'src'), noCheck: true, sourceMap: false },
    include: [join(project, 'src/system')],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  await promisify(execFile)(join(project, 'node_modules/.bin/tsc'), ['-p', folder], { timeout: 30_000 });
  return folder;
}
