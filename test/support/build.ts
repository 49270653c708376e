/** The programs as they are shipped: compiled into a folder of their own, started with node. */
import { cp, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { tempDir } from './processes.ts';

export interface Build extends AsyncDisposable {
  /** Path of a program's entry file. */
  bin(program: string): string;
}

const ROOT = new URL('../..', import.meta.url).pathname;

/** Compiles the sources as they are now. */
export async function build(): Promise<Build> {
  const dir = await tempDir('build');
  const dist = join(dir.path, 'dist');
  await execa('npx', ['tsc', '-p', '.', '--outDir', dist], { cwd: ROOT, timeout: 60_000 });
  await cp(join(ROOT, 'src/hub/lua'), join(dist, 'hub/lua'), { recursive: true });
  await cp(join(ROOT, 'package.json'), join(dir.path, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(dir.path, 'node_modules'));
  return {
    bin: (program) => join(dist, 'bin', `${program}.js`),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}
