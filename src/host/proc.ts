/** What Linux tells of processes: who is who, who is gone, who listens. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { ServerProcess } from '../ports.ts';

/** The process with this pid; null when there is none, or a zombie that nobody has buried yet. */
export async function processOf(pid: number): Promise<ServerProcess | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  // The name stands in brackets and may hold anything, brackets and blanks included.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startedAt = fields[STARTED - 3];
  return startedAt === undefined || state === 'Z' || state === 'X' ? null : { pid, startedAt };
}

/** The number of the field in proc(5); the state is the third. */
const STARTED = 22;

/**
 * The database server with this pid; null when it is another program. A pid file may be left over, or come from
 * another pid namespace, and whatever is found here may be killed.
 */
export async function databaseOf(pid: number): Promise<ServerProcess | null> {
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
  return DATABASE.test(name) ? processOf(pid) : null;
}

const DATABASE = /^(?:mysqld|mariadbd)/;

/**
 * The database server that listens there, in our network namespace; null when none is found or may be seen, or when
 * several use the port and a host name does not tell which.
 */
export async function listenerOn(host: string, port: number): Promise<ServerProcess | null> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  const inodes = new Set(tables.flatMap((table) => listening(table, host, port)));
  if (inodes.size === 0) return null;
  const found: ServerProcess[] = [];
  for (const name of await readdir('/proc')) {
    const process = /^\d+$/.test(name) ? await databaseOf(Number(name)) : null;
    if (process !== null && (await holdsSocket(name, inodes))) found.push(process);
  }
  return found.length === 1 ? (found[0] ?? null) : null;
}

/**
 * Inodes of the sockets that listen on `port`, from the text of /proc/net/tcp or tcp6: on this very address, or else
 * on all of them; on any address for a host name.
 */
export function listening(table: string, host: string, port: number): readonly string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${hex}`) === true && state === LISTEN);
  const on = (isMeant: (address: string) => boolean): readonly string[] =>
    rows.flatMap((fields) => (isMeant(fields[1]?.split(':')[0] ?? '') ? (fields[INODE] ?? []) : []));
  if (isIP(host) !== 4) return on(() => true);
  const exact = on((address) => address.endsWith(hexOf(host)));
  return exact.length > 0 ? exact : on((address) => /^0+$/.test(address));
}

/** As the kernel prints an IPv4 address: four bytes, the last one first. */
function hexOf(ip: string): string {
  const bytes = ip.split('.').map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'));
  return bytes.reverse().join('');
}

const LISTEN = '0A';
const INODE = 9;

/** Unix sockets that a process listens on, by path; empty when they may not be seen. */
export async function socketsOf(pid: number): Promise<readonly string[]> {
  const own = await inodesOf(`${pid}`);
  const table = await readFile('/proc/net/unix', 'utf8').catch(() => '');
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[UNIX_STATE] === UNIX_LISTENS && own.has(fields[UNIX_INODE] ?? ''))
    .flatMap((fields) => fields[UNIX_PATH] ?? [])
    .filter((path) => path.startsWith('/'));
}

const UNIX_STATE = 5;
const UNIX_INODE = 6;
const UNIX_PATH = 7;
/** SS_UNCONNECTED: what connects to it gets a socket of its own. */
const UNIX_LISTENS = '01';

async function holdsSocket(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const own = await inodesOf(pid);
  return [...inodes].some((inode) => own.has(inode));
}

async function inodesOf(pid: string): Promise<ReadonlySet<string>> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => '')));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}
