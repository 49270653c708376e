import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { type Row, rootSession, type TestSession, testSession } from './mariadb-admin.ts';
import { accounts } from './mariadb-template.ts';
import { type Process, startProcess } from './processes.ts';

/** How a pair of the tests replicates: MariaDB's GTIDs, MySQL's GTIDs, or MySQL by file and position. */
export type Replication = 'mariadb' | 'gtid' | 'position';

/** A database server of the tests. Signals go to exactly this process. */
export interface DbServer {
  readonly replication: Replication;
  /** `host:port`, the same across restarts. */
  readonly address: string;
  readonly port: number;
  /** Path of the socket file. */
  readonly socket: string;
  readonly folder: string;
  /** 0 while it is not running. */
  readonly pid: number;
  /** Runs one statement as root, in a session of its own. */
  admin(sql: string): Promise<readonly Row[]>;
  /** A session that stays, over TCP; default: the application's account in schema `t`. */
  session(who?: { readonly user: string; readonly password: string }): Promise<TestSession>;
  /** SIGKILL now; resolves when the process is gone. */
  kill9(): Promise<void>;
  /** Ends it cleanly. */
  shutdown(): Promise<void>;
  /** SIGSTOP. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Starts it (again) with its own options and these; resolves when it answers. */
  start(extra?: readonly string[]): Promise<void>;
  /** The error log so far. */
  log(): Promise<string>;
}

/** Two servers that replicate from each other. */
export interface DbPair extends AsyncDisposable {
  readonly a: DbServer;
  readonly b: DbServer;
  readonly dispose: () => Promise<void>;
}

export interface PairOptions {
  /** More options for both servers. */
  readonly args?: readonly string[];
  /** Replicate from each other; default true. */
  readonly linked?: boolean;
  /** Which server starts writable; default `a`. */
  readonly writable?: 'a' | 'b' | 'none';
}

/** How one server is run. */
export interface Installation {
  readonly replication: Replication;
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** With `s.sock` and `log` in it. */
  readonly folder: string;
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Network namespace to run in. */
  readonly netns?: string;
}

/** Options of every server of a pair, whatever its kind: read-only, durable, replicating once it is told to. */
export function memberOptions(folder: string, id: number, port: number): readonly string[] {
  const places = [`--socket=${folder}/s.sock`, `--tmpdir=${folder}`, `--port=${port}`];
  const logs = [
    '--log-bin=bin',
    '--relay-log=relay',
    '--log-slave-updates',
    '--binlog-format=ROW',
    '--sync-binlog=1',
  ];
  const replication = [`--server-id=${id}`, '--skip-slave-start', '--slave-net-timeout=5'];
  const keys = ['--auto-increment-increment=2', `--auto-increment-offset=${id}`];
  const report = [
    '--bind-address=127.0.0.1',
    '--report-host=127.0.0.1',
    `--report-port=${port}`,
    '--skip-name-resolve',
  ];
  const safe = ['--read-only=1', '--innodb-flush-log-at-trx-commit=1', `--pid-file=${folder}/pid`];
  return [...places, ...logs, ...replication, ...keys, ...report, ...safe];
}

/** Starts both, links them by `follow`, opens the one that is to be writable. */
export async function startPair(
  [a, b]: readonly [DbServer, DbServer],
  options: PairOptions,
  follow: (replica: DbServer, source: DbServer) => Promise<void>,
  cleanUp: () => Promise<void>,
): Promise<DbPair> {
  const dispose = async (): Promise<void> => {
    await Promise.all([a.kill9(), b.kill9()]);
    await cleanUp();
  };
  try {
    await Promise.all([a.start(), b.start()]);
    if (options.linked !== false) await Promise.all([follow(a, b), follow(b, a)]);
    if (options.writable !== 'none') await (options.writable === 'b' ? b : a).admin('SET GLOBAL read_only=0');
  } catch (error) {
    await dispose();
    throw error;
  }
  return { a, b, dispose, [Symbol.asyncDispose]: dispose };
}

/** The server, not started yet. */
export function describeServer(how: Installation): DbServer {
  const { replication, program, args, folder, port, host = '127.0.0.1' } = how;
  const socket = join(folder, 's.sock');
  const logFile = join(folder, 'log');
  let server: Process | null = null;
  const signal = (name: NodeJS.Signals): void => server?.signal(name);
  const endBy = async (name: NodeJS.Signals): Promise<void> => {
    signal(name);
    await server?.exited;
  };
  const running = (): boolean => server?.alive() === true;
  const start = async (extra: readonly string[] = []): Promise<void> => {
    if (running()) throw new Error(`the server in ${folder} is running already`);
    for (let attempt = 1; ; attempt += 1) {
      const log = await attemptStart(extra);
      if (log === null) return;
      if (attempt === STARTS || !log.includes('got signal'))
        throw new Error(`the server ended at once:\n${log}`);
      console.warn(`the server crashed while it started, starting it again:\n${log}`);
      if (replication === 'mariadb') await recoverStorage();
    }
  };
  /** null when it answers, else the end of its log. */
  const attemptStart = (extra: readonly string[]): Promise<string | null> => {
    server = startProcess('database', program, [...args, ...extra], {
      logFile,
      ...(how.env && { env: how.env }),
      ...(how.netns !== undefined && { netns: how.netns }),
    });
    return answering(socket, logFile, running);
  };
  /**
   * After about one kill -9 in several hundred MariaDB 10.11.19 crashes at every start, where it commits what its
   * binary log holds and InnoDB has only prepared. Without its binary log it recovers InnoDB, finds the prepared
   * transactions, leaves them as they are and ends with a checkpoint; the next start commits them from clean files.
   */
  const recoverStorage = async (): Promise<void> => {
    const log = await attemptStart(['--skip-log-bin', '--skip-networking']);
    if (log === null) await endBy('SIGTERM');
  };
  return {
    replication,
    address: `${host}:${port}`,
    port,
    socket,
    folder,
    get pid() {
      return running() ? (server?.pid ?? 0) : 0;
    },
    admin: (sql) => asRoot(socket, sql),
    session: (who = accounts.app) =>
      testSession({ host, port, ...who, ...(who.user === 'app' ? { database: 't' } : {}) }),
    kill9: () => endBy('SIGKILL'),
    shutdown: () => endBy('SIGTERM'),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    start,
    log: () => readFile(logFile, 'utf8'),
  };
}

async function asRoot(socket: string, sql: string): Promise<readonly Row[]> {
  const session = await rootSession(socket);
  try {
    return await session.query(sql);
  } finally {
    session.end();
  }
}

/** null when it answers, else the end of its log. */
async function answering(socket: string, logFile: string, running: () => boolean): Promise<string | null> {
  const look = async (): Promise<'up' | 'ended'> => {
    if (!running()) return 'ended';
    (await rootSession(socket)).end();
    return 'up';
  };
  const seen = await eventually(`the server answers at ${socket}`, look, undefined, {
    withinMs: 30_000,
    everyMs: 10,
  });
  return seen === 'up' ? null : (await readFile(logFile, 'utf8')).slice(-6000);
}

/** How often a supervisor starts a server that crashes. */
const STARTS = 5;
