/** The programs as they are installed: what `bin` of package.json names, run by this Node. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const projectFolder = findProject(dirname(fileURLToPath(import.meta.url)));

/** Path of an installed command such as `mmm-status`, to be run with Node. */
export function commandFile(name: string): string {
  const { bin } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as Manifest;
  const file = bin?.[name];
  if (file === undefined) throw new Error(`package.json installs no command ${name}`);
  const path = join(projectFolder, file);
  if (!existsSync(path)) throw new Error(`${path} is not there: run npm run build first`);
  return path;
}

interface Manifest {
  readonly bin?: Readonly<Record<string, string>>;
}

/** These files may run from where they stand or compiled, from a cache folder deeper in the project. */
function findProject(from: string): string {
  const manifest = join(from, 'package.json');
  if (existsSync(manifest) && readFileSync(manifest, 'utf8').includes('"bin"')) return from;
  if (dirname(from) === from) throw new Error('no package.json with commands above the test support');
  return findProject(dirname(from));
}
