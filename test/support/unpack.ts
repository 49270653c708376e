/**
 * Server packages of a Debian-like system unpacked into a folder of their own, with an apt state of their own:
 * no root needed, nothing installed, the system's apt and dpkg state untouched. The folder holds every library
 * down to libc, and the programs are started through its own loader.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { patiently } from './patiently.ts';
import { writeWrappers } from './unpack-wrappers.ts';

const run = promisify(execFile);

/** Whether this is a system whose packages can be unpacked. */
export async function canUnpack(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const tools = ['apt-get', 'apt-cache', 'dpkg-deb'];
  const there = await Promise.all(
    tools.map((tool) => run(tool, ['--version'], { timeout: 10_000 }).then(yes, no)),
  );
  return there.every(Boolean);
}

/** Returns the folder with the unpacked servers, made at the first call on this machine (about 10 s). */
export async function unpackServers(): Promise<string> {
  const release = await systemRelease();
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mmm-manager');
  const folder = join(cache, `servers-${release}-${process.arch}`);
  if (existsSync(join(folder, 'complete'))) return folder;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(join(cache, 'draft-'));
  try {
    console.error(
      `mmm: MariaDB, Redis and HAProxy are not installed; unpacking their packages into ${folder}`,
    );
    await fill(draft, folder);
    await settle(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return folder;
}

async function fill(draft: string, folder: string): Promise<void> {
  const apt = await privateApt(join(draft, 'apt'));
  await download(apt);
  const archives = join(apt.folder, 'cache/archives');
  const debs = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  for (const deb of debs) await run('dpkg-deb', ['-x', join(archives, deb), draft], { timeout: 120_000 });
  await rm(apt.folder, { recursive: true });
  for (const bulk of ['doc', 'man', 'locale', 'info']) {
    await rm(join(draft, 'usr/share', bulk), { recursive: true, force: true });
  }
  await writeWrappers(draft, folder);
  await writeFile(join(draft, 'complete'), `${debs.join('\n')}\n`);
}

/** Two processes may have filled a folder at once: the first one in place wins. */
async function settle(draft: string, folder: string): Promise<void> {
  if (existsSync(folder) && !existsSync(join(folder, 'complete')))
    await rm(folder, { recursive: true, force: true });
  await rename(draft, folder).catch((error: unknown) => {
    if (!existsSync(join(folder, 'complete'))) throw error;
  });
}

interface Apt {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

/** An apt of its own in `folder`, with the sources of this system. */
export async function privateApt(folder: string): Promise<Apt> {
  for (const part of ['sources', 'state/lists/partial', 'cache/archives/partial', 'empty']) {
    await mkdir(join(folder, part), { recursive: true });
  }
  await copySources(join(folder, 'sources'));
  // An empty status file: nothing counts as installed, so every library is fetched and the folder stands alone.
  await writeFile(join(folder, 'status'), '');
  await writeFile(
    join(folder, 'apt.conf'),
    [
      `Dir::State "${folder}/state"; Dir::State::status "${folder}/status"; Dir::Cache "${folder}/cache";`,
      `Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "${folder}/sources";`,
      `Dir::Etc::preferences "/dev/null"; Dir::Etc::preferencesparts "${folder}/empty";`,
      // apt's own download user cannot reach a private folder.
      'APT::Sandbox::User "root"; APT::Install-Recommends "false"; APT::Install-Suggests "false";',
      'Acquire::Languages "none"; Acquire::Retries "3"; Acquire::http::Timeout "20"; Acquire::https::Timeout "20";',
      // Hooks of the system's configuration must not run for a private state.
      '#clear APT::Update::Post-Invoke; #clear APT::Update::Post-Invoke-Success; #clear DPkg::Post-Invoke;',
      '#clear DPkg::Pre-Install-Pkgs; #clear DPkg::Pre-Invoke;',
    ].join('\n'),
  );
  return {
    folder,
    env: {
      ...process.env,
      APT_CONFIG: join(folder, 'apt.conf'),
      LC_ALL: 'C',
      DEBIAN_FRONTEND: 'noninteractive',
    },
  };
}

/** The distribution's own sources by their usual names; all of them when there are no such files. */
async function copySources(into: string): Promise<void> {
  const parts = '/etc/apt/sources.list.d';
  const all = (await readdir(parts).catch(() => [])).filter((name) => /\.(list|sources)$/.test(name));
  const main = all.filter((name) => /^(debian|ubuntu|official-)/.test(name));
  const single = await readFile('/etc/apt/sources.list', 'utf8').catch(() => '');
  if (/^\s*deb\s/m.test(single)) await writeFile(join(into, 'main.list'), single);
  const wanted = main.length > 0 || /^\s*deb\s/m.test(single) ? main : all;
  for (const name of wanted) await copyFile(join(parts, name), join(into, name));
}

async function download(apt: Apt): Promise<void> {
  await patiently(() => run('apt-get', ['-q', 'update'], { env: apt.env, timeout: 180_000 }));
  const mariadb = await mariadbPackages(apt);
  const packages = [...mariadb, 'redis-server', 'redis-tools', 'haproxy'];
  const args = ['-q', '-y', 'install', '--download-only', '--no-install-recommends', ...packages];
  await patiently(() => run('apt-get', args, { env: apt.env, timeout: 600_000, maxBuffer: 1 << 26 }));
}

/** `mariadb-server-core` today, with the version behind it in older releases; likewise the client's part. */
async function mariadbPackages(apt: Apt): Promise<readonly string[]> {
  const pattern = '^mariadb-(server|client)-core(-[0-9.]+)?$';
  const found = await run('apt-cache', ['search', '--names-only', pattern], {
    env: apt.env,
    timeout: 60_000,
  });
  const names = found.stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
  return ['server', 'client'].map((part) => {
    const fitting = names.filter((name) => name.startsWith(`mariadb-${part}-core`)).sort();
    const name = fitting[0];
    if (name === undefined)
      throw new Error(`the package sources of this system have no mariadb-${part}-core`);
    return name;
  });
}

async function systemRelease(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const value = (key: string) => new RegExp(`^${key}="?([A-Za-z0-9.]+)`, 'm').exec(text)?.[1] ?? 'unknown';
  return `${value('ID')}-${value('VERSION_ID')}`;
}

function yes(): boolean {
  return true;
}

function no(): boolean {
  return false;
}
