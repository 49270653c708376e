/** Small scripts that start the programs of an unpacked folder with that folder's own loader and libraries. */
import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PROGRAMS = [
  ['sbin', 'mariadbd'],
  ['sbin', 'haproxy'],
  ['bin', 'redis-server'],
  ['bin', 'my_print_defaults'],
  ['bin', 'resolveip'],
] as const;

/**
 * Writes `run/bin` and `run/sbin` below `draft`; the scripts name `folder`, where the draft will be moved.
 * `run` also serves as MariaDB's base directory.
 */
export async function writeWrappers(draft: string, folder: string): Promise<void> {
  const { loader, libraries } = await loaderIn(draft);
  const start = `${quote(join(folder, loader))} --argv0 "$0" --library-path ${quote(libraries.map((path) => join(folder, path)).join(':'))}`;
  const base = join(folder, 'run');
  await mkdir(join(draft, 'run/bin'), { recursive: true });
  await mkdir(join(draft, 'run/sbin'), { recursive: true });
  await symlink('../usr/share', join(draft, 'run/share'));
  await symlink('../usr/lib', join(draft, 'run/lib'));
  for (const [place, name] of PROGRAMS) {
    const program = quote(join(folder, 'usr', place, name));
    // --argv0 "$0": haproxy runs itself anew by that name when it reloads, redis-server is told apart by it.
    const tail = name === 'mariadbd' ? ` --basedir=${quote(base)}` : '';
    await script(join(draft, 'run', place, name), `exec ${start} ${program} "$@"${tail}`);
  }
  const installer = quote(join(folder, 'usr/bin/mariadb-install-db'));
  await script(
    join(draft, 'run/bin/mariadb-install-db'),
    `exec /bin/sh ${installer} "$@" --basedir=${quote(base)}`,
  );
}

/** Paths below `folder` of the dynamic loader and of the folders with libraries. */
async function loaderIn(
  folder: string,
): Promise<{ readonly loader: string; readonly libraries: readonly string[] }> {
  const libraries: string[] = [];
  const loaders: string[] = [];
  for (const top of ['usr/lib64', 'lib64', 'usr/lib', 'lib']) {
    for (const entry of await list(join(folder, top))) {
      if (entry.startsWith('ld-linux')) loaders.push(join(top, entry));
      if (!entry.endsWith('-linux-gnu')) continue;
      libraries.push(join(top, entry));
      const inner = await list(join(folder, top, entry));
      loaders.push(
        ...inner.filter((name) => name.startsWith('ld-linux')).map((name) => join(top, entry, name)),
      );
    }
  }
  const loader = loaders[0];
  if (loader === undefined) throw new Error(`no dynamic loader among the packages unpacked in ${folder}`);
  return { loader, libraries };
}

async function list(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

async function script(path: string, line: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${line}\n`);
  await chmod(path, 0o755);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
