/**
 * Whether a server will start read-only, before it has to: its own program says which options it would start with
 * (option files and command line, as it was started), and MySQL's persisted variables go before those.
 */
import { readFile, readlink } from 'node:fs/promises';
import { errnoOf } from '../core/errno.ts';
import type { ServerProcess } from '../ports.ts';
import { closedByOptions, closedByPersisted, loadsPersisted } from './option-words.ts';

/** Runs a command; resolves with what it printed, rejects when it fails. */
export type Run = (
  words: readonly string[],
  options: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string>>;
    readonly as?: { readonly uid: number; readonly gid: number };
  },
) => Promise<{ readonly output: string }>;

/** These choose the option files, and stand first. */
const CHOICE = /^--(no-defaults|defaults-file=|defaults-extra-file=|defaults-group-suffix=|login-path=)/;
/** Where option files are looked for may depend on these. */
const PLACES = ['HOME', 'MYSQL_HOME', 'MARIADB_HOME', 'MYSQL_GROUP_SUFFIX', 'LD_LIBRARY_PATH'];

/** null: it cannot be told from here. */
export async function startsClosed({ pid }: ServerProcess, run: Run): Promise<boolean | null> {
  const proc = `/proc/${pid}`;
  try {
    const words = split(await readFile(`${proc}/cmdline`, 'utf8')).slice(1);
    const rest = words.findIndex((word) => !CHOICE.test(word));
    const choice = rest === -1 ? words : words.slice(0, rest);
    const cwd = await readlink(`${proc}/cwd`);
    const as = await otherUser(pid);
    // Whoever runs as another user may not follow the link.
    const program = as === null ? `${proc}/exe` : await readlink(`${proc}/exe`);
    const { output } = await run(
      [program, ...choice, '--print-defaults', ...(rest === -1 ? [] : words.slice(rest))],
      { cwd, env: placesOf(await readFile(`${proc}/environ`, 'utf8')), ...(as !== null && { as }) },
    );
    // The end counts, and is missing.
    if (output.endsWith('(cut)')) return null;
    const isLoaded = !choice.includes('--no-defaults') && loadsPersisted(output);
    const persisted = isLoaded ? closedByPersisted(await persistedIn(cwd)) : null;
    return persisted ?? closedByOptions(output);
  } catch {
    return null;
  }
}

/**
 * The user of the server, when that is not us: a program that anybody may have started is never run as root. Not the
 * owner of its folder in /proc, which a process can make root.
 */
async function otherUser(pid: number): Promise<{ readonly uid: number; readonly gid: number } | null> {
  if (process.getuid?.() !== 0) return null;
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const [uid, gid] = ['Uid', 'Gid'].map(
    (name) => new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status)?.[1],
  );
  if (uid === undefined || gid === undefined) throw new Error('its user is not known');
  return uid === '0' ? null : { uid: Number(uid), gid: Number(gid) };
}

/** A server works in its data directory. */
async function persistedIn(cwd: string): Promise<string | null> {
  try {
    return await readFile(`${cwd}/mysqld-auto.cnf`, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function placesOf(environ: string): Record<string, string> {
  const pairs = split(environ).map((pair) => pair.split(/=(.*)/s));
  return Object.fromEntries(
    pairs.flatMap(([name, value]) =>
      name !== undefined && value !== undefined && PLACES.includes(name) ? [[name, value]] : [],
    ),
  );
}

function split(zeroEnded: string): readonly string[] {
  return zeroEnded.split('\0').filter((word) => word !== '');
}
