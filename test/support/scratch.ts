/**
 * A real write on each server, ten times a second, past all routing: whether a server takes writes is not left to
 * what its variables say. The account may not write through read-only. What it writes stays out of the binary log, in
 * a table of its own, so that the servers' histories do not grow apart by it.
 */
import { type Connection, createConnection } from 'mysql2';
import type { Taken } from './alternation.ts';
import { pause } from './eventually.ts';

interface Scratched {
  readonly socket: string;
  admin(sql: string): Promise<unknown>;
}

export interface Scratch extends AsyncDisposable {
  /** The writes that were acknowledged; `server` is 1 for the first server and 2 for the second. */
  readonly taken: readonly Taken[];
  stop(): Promise<void>;
}

const EVERY_MS = 100;
const PATIENCE_MS = 1_000;
const UNLOGGED = 'SET STATEMENT sql_log_bin=0 FOR';
const SETUP: readonly string[] = [
  'CREATE OR REPLACE DATABASE scratch',
  'CREATE TABLE scratch.x (id INT PRIMARY KEY, v BIGINT NOT NULL) ENGINE=InnoDB',
  'INSERT INTO scratch.x VALUES (1, 0)',
  "CREATE OR REPLACE USER scratch@localhost IDENTIFIED BY 'scratch'",
  'GRANT BINLOG ADMIN ON *.* TO scratch@localhost',
  'GRANT SELECT, UPDATE ON scratch.* TO scratch@localhost',
];

/** Makes account and table on both servers, and begins. */
export async function startScratch(servers: readonly [Scratched, Scratched]): Promise<Scratch> {
  for (const server of servers) for (const sql of SETUP) await server.admin(`${UNLOGGED} ${sql}`);
  const taken: Taken[] = [];
  const stopped = new AbortController();
  const loops = servers.map(({ socket }, index) => writeOn(socket, index + 1, taken, stopped.signal));
  const stop = async () => {
    stopped.abort();
    await Promise.all(loops);
  };
  return { taken, stop, [Symbol.asyncDispose]: stop };
}

async function writeOn(socket: string, server: number, taken: Taken[], signal: AbortSignal): Promise<void> {
  let connection: Connection | null = null;
  while (!signal.aborted) {
    const invokedMs = performance.now();
    connection ??= connect(socket);
    const wrote = await write(connection);
    if (wrote) taken.push({ server, invokedMs, doneMs: performance.now() });
    else {
      connection.destroy();
      connection = null;
    }
    await pause(EVERY_MS);
  }
  connection?.destroy();
}

function connect(socketPath: string): Connection {
  const who = { user: 'scratch', password: 'scratch' };
  const connection = createConnection({ socketPath, ...who, connectTimeout: PATIENCE_MS });
  connection.on('error', () => undefined);
  connection.query('SET sql_log_bin=0', () => undefined);
  return connection;
}

function write(connection: Connection): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (wrote: boolean) => {
      clearTimeout(late);
      resolve(wrote);
    };
    const late = setTimeout(() => end(false), PATIENCE_MS);
    connection.query('UPDATE scratch.x SET v = v + 1', (error) => end(error === null));
  });
}
