import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';
import { type Row, rootSession, type TestSession, testSession } from './mariadb-admin.ts';
import { accounts, mariadbTemplate, runAs } from './mariadb-template.ts';
import { freePorts, type Process, startProcess, tempDir } from './processes.ts';
import { programs } from './servers.ts';

const run = promisify(execFile);

/** A mariadbd of the tests. Signals go to exactly this process. */
export interface MariaServer {
  /** `127.0.0.1:port`, the same across restarts. */
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

export interface MariaPair {
  readonly a: MariaServer;
  readonly b: MariaServer;
  readonly dispose: () => Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface PairOptions {
  /** More options for both servers. */
  readonly args?: readonly string[];
  /** Replicate from each other; default true. */
  readonly linked?: boolean;
  /** Which server starts writable; default `a`. */
  readonly writable?: 'a' | 'b' | 'none';
}

/** Two MariaDB servers that replicate from each other by GTID, read-only but for one; about 0.4 s. */
export async function startMariaPair(options: PairOptions = {}): Promise<MariaPair> {
  const dir = await tempDir('maria');
  const folder = dir.path;
  const args = options.args ?? [];
  const [a, b] = await Promise.all([prepare(folder, 1, args), prepare(folder, 2, args)]);
  const dispose = async (): Promise<void> => {
    await Promise.all([a.kill9(), b.kill9()]);
    await dir[Symbol.asyncDispose]();
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

async function follow(replica: MariaServer, source: MariaServer): Promise<void> {
  const login = `master_user='${accounts.repl.user}', master_password='${accounts.repl.password}'`;
  await replica.admin(
    `CHANGE MASTER TO master_host='127.0.0.1', master_port=${source.port}, ${login}, ` +
      'master_use_gtid=slave_pos, master_heartbeat_period=0.5, master_connect_retry=1',
  );
  await replica.admin('START SLAVE');
}

async function prepare(parent: string, id: number, args: readonly string[]): Promise<MariaServer> {
  const template = await mariadbTemplate();
  const { mariadbd } = await programs();
  const folder = join(parent, String(id));
  await mkdir(folder);
  await run('cp', ['-a', template, join(folder, 'data')]);
  const [port = 0] = await freePorts(1);
  return describeServer(mariadbd, folder, port, [...optionsFor(folder, id, port), ...args]);
}

function optionsFor(folder: string, id: number, port: number): readonly string[] {
  const places = [
    `--datadir=${folder}/data`,
    `--socket=${folder}/s.sock`,
    `--tmpdir=${folder}`,
    `--port=${port}`,
  ];
  const logs = [
    '--log-bin=bin',
    '--relay-log=relay',
    '--log-slave-updates',
    '--binlog-format=ROW',
    '--sync-binlog=1',
  ];
  const replication = [
    `--server-id=${id}`,
    '--gtid-strict-mode=1',
    '--skip-slave-start',
    '--slave-net-timeout=5',
  ];
  const keys = ['--auto-increment-increment=2', `--auto-increment-offset=${id}`];
  const report = [
    '--bind-address=127.0.0.1',
    '--report-host=127.0.0.1',
    `--report-port=${port}`,
    '--skip-name-resolve',
  ];
  const small = ['--innodb-buffer-pool-size=32M', '--innodb-log-file-size=8M', '--performance-schema=OFF'];
  const safe = ['--read-only=1', '--innodb-flush-log-at-trx-commit=1', `--pid-file=${folder}/pid`];
  return [
    '--no-defaults',
    ...runAs(),
    ...places,
    ...logs,
    ...replication,
    ...keys,
    ...report,
    ...small,
    ...safe,
  ];
}

function describeServer(program: string, folder: string, port: number, args: readonly string[]): MariaServer {
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
    // As a supervisor does: MariaDB 10.11.19 itself was seen to crash in its recovery after a kill -9
    // (ha_recover_complete), about once in three hundred kills.
    for (let attempt = 1; ; attempt += 1) {
      server = startProcess('mariadbd', program, [...args, ...extra], { logFile });
      const log = await answering(socket, logFile, running);
      if (log === null) return;
      if (attempt === STARTS || !log.includes('got signal'))
        throw new Error(`mariadbd ended at once:\n${log}`);
      console.warn(`mariadbd crashed while it started, starting it again:\n${log}`);
    }
  };
  return {
    address: `127.0.0.1:${port}`,
    port,
    socket,
    folder,
    get pid() {
      return running() ? (server?.pid ?? 0) : 0;
    },
    admin: (sql) => asRoot(socket, sql),
    session: (who = accounts.app) =>
      testSession({ host: '127.0.0.1', port, ...who, ...(who.user === 'app' ? { database: 't' } : {}) }),
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
  const seen = await eventually(`mariadbd answers at ${socket}`, look, undefined, {
    withinMs: 30_000,
    everyMs: 10,
  });
  return seen === 'up' ? null : (await readFile(logFile, 'utf8')).slice(-6000);
}

/** How often a supervisor starts a server that crashes. */
const STARTS = 5;
