/**
 * Where the server programs of the tests, the demo and the benchmark come from: the ones of this machine when
 * they are there; else, on Debian-like systems, packages unpacked into a private folder (nothing is installed);
 * else a message that names what is missing.
 * `MMM_SERVERS=path` never unpacks, `MMM_SERVERS=unpack` always does.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { canUnpack, unpackServers } from './unpack.ts';

/** Absolute paths of programs that can be run as they are. */
export interface Programs {
  readonly mariadbd: string;
  readonly mariadbInstallDb: string;
  readonly redisServer: string;
  readonly haproxy: string;
}

const NAMES: Readonly<Record<keyof Programs, string>> = {
  mariadbd: 'mariadbd',
  mariadbInstallDb: 'mariadb-install-db',
  redisServer: 'redis-server',
  haproxy: 'haproxy',
};

/** Folders of servers that an ordinary user's PATH often lacks. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/libexec', '/opt/homebrew/bin'];

let found: Promise<Programs> | undefined;

/** The server programs; looked for (and unpacked) once per process. Rejects with a list of what is missing. */
export function programs(): Promise<Programs> {
  found ??= find();
  return found;
}

async function find(): Promise<Programs> {
  const source = process.env.MMM_SERVERS ?? '';
  const here = source === 'unpack' ? {} : onThisMachine();
  const missing = namesMissingIn(here);
  if (missing.length === 0) return complete(here);
  if (source === 'path' || !(await canUnpack())) throw new Error(advice(missing));
  const folder = await unpackServers();
  const unpacked = {
    mariadbd: join(folder, 'run/sbin/mariadbd'),
    mariadbInstallDb: join(folder, 'run/bin/mariadb-install-db'),
    redisServer: join(folder, 'run/bin/redis-server'),
    haproxy: join(folder, 'run/sbin/haproxy'),
  };
  return { ...unpacked, ...here };
}

function onThisMachine(): Partial<Programs> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS];
  const paths = Object.entries(NAMES).map(([key, name]) => [key, firstIn(folders, name)] as const);
  const here: Partial<Programs> = Object.fromEntries(paths.filter(([, path]) => path !== undefined));
  // The two belong together: one version writes the datadir that the other one runs.
  if (here.mariadbd !== undefined && here.mariadbInstallDb !== undefined) return here;
  const { mariadbd: _server, mariadbInstallDb: _installer, ...rest } = here;
  return rest;
}

function firstIn(folders: readonly string[], name: string): string | undefined {
  return folders
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, name))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function namesMissingIn(here: Partial<Programs>): readonly string[] {
  return Object.entries(NAMES)
    .filter(([key]) => here[key as keyof Programs] === undefined)
    .map(([, name]) => name);
}

function complete(here: Partial<Programs>): Programs {
  const { mariadbd, mariadbInstallDb, redisServer, haproxy } = here;
  if (
    mariadbd === undefined ||
    mariadbInstallDb === undefined ||
    redisServer === undefined ||
    haproxy === undefined
  ) {
    throw new Error(advice(namesMissingIn(here)));
  }
  return { mariadbd, mariadbInstallDb, redisServer, haproxy };
}

function advice(missing: readonly string[]): string {
  return [
    `these server programs are needed and are not here: ${missing.join(', ')}.`,
    'Install MariaDB (server), Redis and HAProxy with the package manager of this system, so that the programs are in PATH.',
    'Nothing was changed on this machine.',
  ].join('\n');
}
