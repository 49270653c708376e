/**
 * One holder per state directory and program. The lock is a listening unix socket: the kernel ends it with the
 * process, so a killed holder's lock is free at once, and asking "is anybody there?" is a connect.
 *
 * The socket is made under a name of its own and then linked to the lock's name, which only one can do.
 * A dead socket in the way is replaced. Two who find the same dead one both replace it; the later wins,
 * and the earlier finds out because both wait before they look whose socket bears the name.
 */
import { randomBytes } from 'node:crypto';
import { link, rename, rm, stat } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { errnoOf } from '../core/errno.ts';
import { ConfigError } from '../errors.ts';
import { prepareStateDir, unusable } from './state-dir.ts';

/** Longest path a unix socket can have, in bytes. */
const LONGEST_PATH = 107;
/** Longer than anybody needs between finding a dead socket and replacing it. */
const SETTLE_MS = 100;
const ASK_MS = 2000;
const ATTEMPTS = 20;

export interface Lock {
  release(): Promise<void>;
}

export interface LockOptions {
  readonly dir: string;
  readonly program: string;
}

/** Holds the directory for `program` until released or dead. Rejects with ConfigError when somebody else does. */
export async function lockStateDir({ dir, program }: LockOptions): Promise<Lock> {
  await prepareStateDir(dir);
  const path = join(dir, `${program}.lock`);
  const stage = `${path}.${randomBytes(4).toString('hex')}`;
  refuseLongPath(dir, stage);
  const server = await listen(stage).catch((error: unknown) => {
    throw unusable(dir, error);
  });
  try {
    const inode = (await stat(stage)).ino;
    await claim(path, stage, inode, program);
    await rm(stage, { force: true });
    return { release: () => release(server, path, inode) };
  } catch (error) {
    await close(server);
    await rm(stage, { force: true });
    throw error instanceof ConfigError ? error : unusable(dir, error);
  }
}

async function claim(path: string, stage: string, inode: number, program: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (await linked(stage, path)) return;
    const before = await inodeOf(path);
    const holder = await ask(path);
    if (holder === 'alive') break;
    if (holder === 'gone' || before === null || before !== (await inodeOf(path))) continue;
    // The name `stage` must stay: renaming one name of a file over another name of it would do nothing.
    const spare = `${stage}.new`;
    await link(stage, spare);
    await rename(spare, path);
    await setTimeout(SETTLE_MS);
    if ((await inodeOf(path)) === inode) return;
  }
  throw new ConfigError([
    `${path} is held by another running ${program}: stop it, or give this one its own [state] dir= and id=`,
  ]);
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Whether somebody listens there. What cannot be told counts as alive. */
function ask(path: string): Promise<'alive' | 'dead' | 'gone'> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const end = (answer: 'alive' | 'dead' | 'gone'): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ASK_MS, () => end('alive'));
    socket.once('connect', () => end('alive'));
    socket.once('error', (error) => {
      const code = errnoOf(error);
      end(code === 'ECONNREFUSED' ? 'dead' : code === 'ENOENT' ? 'gone' : 'alive');
    });
  });
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

async function release(server: Server, path: string, inode: number): Promise<void> {
  if ((await inodeOf(path)) === inode) await rm(path, { force: true });
  await close(server);
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

async function inodeOf(path: string): Promise<number | null> {
  return (await stat(path).catch(() => null))?.ino ?? null;
}

function refuseLongPath(dir: string, path: string): void {
  const bytes = Buffer.byteLength(`${path}.new`);
  if (bytes <= LONGEST_PATH) return;
  throw new ConfigError([
    `state directory ${dir} has too long a path for a lock: shorten [state] dir= by ${bytes - LONGEST_PATH} bytes`,
  ]);
}
