/**
 * The database server on this machine, as the operating system sees it: its process, and how it will start.
 * Needs its pid file or the right to look into its process (the same user, or root), and the same pid namespace.
 */
import { readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { endpoint } from '../core/address.ts';
import { errnoOf, errnoWords } from '../core/errno.ts';
import { MmmError } from '../errors.ts';
import type { LocalServer, ServerProcess } from '../ports.ts';
import { databaseOf, listenerOn, processOf, socketsOf } from './proc.ts';
import { type Run, startsClosed } from './starts-closed.ts';

export interface LocalServerOptions {
  /** `host:port`. */
  readonly address: string;
  /** Where the server writes its pid; null: it is found by the port it listens on. */
  readonly pidFile: string | null;
  readonly run: Run;
}

/** How long a connection may take that is to be refused. */
const REFUSED_MS = 200;
const LOOK_AGAIN_MS = 2;

export function createLocalServer(options: LocalServerOptions): LocalServer {
  const { host, port } = endpoint(options.address);
  const sockets = new Map<string, readonly string[]>();

  async function find(): Promise<ServerProcess | null> {
    const found = options.pidFile === null ? await listenerOn(host, port) : await byPidFile(options.pidFile);
    if (found !== null && !sockets.has(keyOf(found))) sockets.set(keyOf(found), await socketsOf(found.pid));
    return found;
  }

  async function isGone(process: ServerProcess): Promise<boolean> {
    if (await lives(process)) return false;
    const paths = sockets.get(keyOf(process)) ?? [];
    const answers = await Promise.all([refuses({ host, port }), ...paths.map((path) => refuses({ path }))]);
    return answers.every((refused) => refused);
  }

  return {
    find,
    isGone,
    async kill(process, withinMs) {
      const untilMs = performance.now() + withinMs;
      if (await lives(process)) sendKill(process.pid, options.address);
      while (await lives(process)) {
        if (performance.now() > untilMs) throw stays(process.pid, options.address);
        await pause(LOOK_AGAIN_MS);
      }
    },
    startsClosed: (process) => startsClosed(process, options.run),
  };
}

function keyOf({ pid, startedAt }: ServerProcess): string {
  return `${pid} ${startedAt}`;
}

async function byPidFile(file: string): Promise<ServerProcess | null> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const pid = /^\s*(\d{1,10})\s*$/.exec(text)?.[1];
  return pid === undefined ? null : databaseOf(Number(pid));
}

async function lives({ pid, startedAt }: ServerProcess): Promise<boolean> {
  return (await processOf(pid))?.startedAt === startedAt;
}

function sendKill(pid: number, address: string): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return;
    const why = `the server of ${address} (pid ${pid}) may not be killed from here: ${errnoWords(error)}`;
    const what = `${why}; run mmm-agent as root or as the user of the server, or give it CAP_KILL`;
    throw new MmmError('HOST', what, { cause: error });
  }
}

function stays(pid: number, address: string): MmmError {
  return new MmmError(
    'HOST',
    `the server of ${address} (pid ${pid}) does not end although it was killed: its disk may hang`,
  );
}

/** Nobody listens there. What neither refuses nor accepts in time may still be somebody. */
function refuses(where: { host: string; port: number } | { path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(where);
    const end = (refused: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(refused);
    };
    const timer = setTimeout(() => end(false), REFUSED_MS);
    socket.once('connect', () => end(false));
    socket.once('error', (error) => end(['ECONNREFUSED', 'ENOENT'].includes(errnoOf(error))));
  });
}
