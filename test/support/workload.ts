/** Clients that write through haproxy and remember what they were told. */
import { createWriteStream } from 'node:fs';
import { type Connection, createConnection } from 'mysql2';
import { eventually, pause } from './eventually.ts';
import { countOf, type Operation, type Outcome, type Work } from './journal.ts';

export interface WorkloadOptions {
  /** Where the writes go: a port of this machine, or a socket file. */
  readonly port?: number;
  readonly socketPath?: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Default 8. */
  readonly clients?: number;
  /** What each client writes, in turns; default only `set`. */
  readonly work?: readonly Work[];
  /** Between two writes of a client; default 0, full speed. */
  readonly pauseMs?: number;
  /** Connect anew after so many writes, as applications without a pool do; default: stay connected. */
  readonly writesPerConnection?: number;
  /** Number of the first client: two workloads on the same tables need different ones. */
  readonly firstClient?: number;
}

export interface Workload extends AsyncDisposable {
  /** Everything so far, in the order of completion. */
  readonly journal: readonly Operation[];
  /** Resolves when every client has had `count` more acknowledgements. */
  flowing(count?: number, withinMs?: number): Promise<void>;
  /** Lets running writes end and disconnects. */
  stop(): Promise<readonly Operation[]>;
  /** Writes the journal as JSON lines, for a look afterwards. */
  save(file: string): Promise<void>;
}

/** Makes the tables of the workload, empty; to be run on the writer. */
export const WORKLOAD_TABLES: readonly string[] = [
  'DROP TABLE IF EXISTS t.writes, t.counters',
  'CREATE TABLE t.writes (id BIGINT AUTO_INCREMENT PRIMARY KEY, client INT NOT NULL, n INT NOT NULL, server INT NOT NULL, KEY (client, n)) ENGINE=InnoDB',
  'CREATE TABLE t.counters (client INT PRIMARY KEY, v BIGINT NOT NULL) ENGINE=InnoDB',
];

/** Row of `counters` that all clients add to. */
export const SHARED_ROW = 0;

const CLIENTS = 8;
const RECONNECT_MS = 2;
/** An operation or a login without an answer for so long is given up, its outcome unknown. */
const PATIENCE_MS = 10_000;
/** The server said no before anything was done: read-only, no room, no access, no such privilege. */
const REFUSALS: ReadonlySet<number> = new Set([1040, 1044, 1045, 1142, 1203, 1226, 1290, 1836]);

/** Starts the clients; each writes, one statement per operation, and never sends the same operation twice. */
export function startWorkload(options: WorkloadOptions): Workload {
  const journal: Operation[] = [];
  const stopped = new AbortController();
  const first = options.firstClient ?? 1;
  const clients = Array.from({ length: options.clients ?? CLIENTS }, (_, index) => first + index);
  const done = Promise.all(clients.map((client) => runClient(client, options, journal, stopped.signal)));
  const stop = async () => {
    stopped.abort();
    await done;
    return journal;
  };
  return {
    journal,
    flowing: (count = 5, withinMs = 20_000) => flowing(clients, () => journal, count, withinMs),
    stop,
    save: (file) => save(journal, file),
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

async function runClient(
  client: number,
  options: WorkloadOptions,
  journal: Operation[],
  signal: AbortSignal,
): Promise<void> {
  const works = options.work ?? ['set'];
  // In step with each other, 8 clients would acknowledge as rarely as one.
  await pause(
    ((options.pauseMs ?? 0) * (client - (options.firstClient ?? 1))) / (options.clients ?? CLIENTS),
  );
  let connection: Connection | null = null;
  for (let n = 1; !signal.aborted; ) {
    connection ??= await connect(options);
    if (connection === null) {
      await pause(RECONNECT_MS);
      continue;
    }
    const work = works[n % works.length] ?? 'set';
    const operation = await perform(connection, client, n, work);
    journal.push(operation);
    n += 1;
    const failed = operation.outcome !== 'ok';
    if (failed || (n - 1) % (options.writesPerConnection ?? Infinity) === 0) {
      connection.destroy();
      connection = null;
    }
    const restMs = failed ? RECONNECT_MS : (options.pauseMs ?? 0);
    if (restMs > 0) await pause(restMs);
  }
  connection?.destroy();
}

/** null when there is nobody to talk to just now. */
function connect(options: WorkloadOptions): Promise<Connection | null> {
  return new Promise((resolve) => {
    const { port, socketPath, user, password, database } = options;
    const connection = createConnection({
      ...(socketPath === undefined ? { host: '127.0.0.1', port: port ?? 0 } : { socketPath }),
      user,
      password,
      database,
      connectTimeout: PATIENCE_MS,
    });
    const give = (result: Connection | null) => {
      clearTimeout(late);
      if (result === null) connection.destroy();
      resolve(result);
    };
    const late = setTimeout(() => give(null), PATIENCE_MS);
    // Stays for the connection's life: what happens to it shows in the next operation.
    connection.on('error', () => give(null));
    connection.once('connect', () => give(connection));
  });
}

function perform(connection: Connection, client: number, n: number, work: Work): Promise<Operation> {
  const invokedMs = performance.now();
  return new Promise((resolve) => {
    let late: NodeJS.Timeout | undefined;
    const end = (outcome: Outcome, error: string) => {
      clearTimeout(late);
      resolve({ client, n, work, invokedMs, doneMs: performance.now(), outcome, error });
    };
    late = setTimeout(() => end('unknown', `no answer within ${PATIENCE_MS} ms`), PATIENCE_MS);
    connection.query(statement(client, n, work), (error) => {
      if (error === null) end('ok', '');
      else end(isRefusal(error.errno ?? 0) ? 'fail' : 'unknown', `${error.code}: ${error.message}`);
    });
  });
}

/** Whether the server said no before anything was done. */
export function isRefusal(errno: number): boolean {
  return REFUSALS.has(errno);
}

function statement(client: number, n: number, work: Work): string {
  if (work === 'set') return `INSERT INTO writes (client, n, server) VALUES (${client}, ${n}, @@server_id)`;
  const row = work === 'shared' ? SHARED_ROW : client;
  return `INSERT INTO counters (client, v) VALUES (${row}, 1) ON DUPLICATE KEY UPDATE v = v + 1`;
}

/** Resolves when each of these clients has had `count` more acknowledgements. */
export async function flowing(
  clients: readonly number[],
  journal: () => readonly Operation[],
  count: number,
  withinMs: number,
): Promise<void> {
  const start = journal().length;
  await eventually(
    `every client is acknowledged ${count} more writes`,
    () => {
      const news = journal().slice(start);
      return clients.map((client) =>
        countOf(
          news.filter((done) => done.client === client),
          'ok',
        ),
      );
    },
    (counts) => counts.every((acknowledged) => acknowledged >= count),
    { withinMs, everyMs: 50 },
  );
}

/** Writes a journal as JSON lines. */
export async function save(journal: readonly Operation[], file: string): Promise<void> {
  const stream = createWriteStream(file);
  for (const operation of journal) stream.write(`${JSON.stringify(operation)}\n`);
  await new Promise<void>((resolve) => stream.end(resolve));
}
