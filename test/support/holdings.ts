import type { Holding } from './checker.ts';
import { eventually } from './eventually.ts';
import { SHARED_ROW, WORKLOAD_TABLES } from './workload.ts';

/** What is needed of a server to read its rows. */
interface Readable {
  readonly address: string;
  admin(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/** Makes the workload's tables, empty, on the writer. */
export async function prepareTables(writer: Readable): Promise<void> {
  for (const sql of WORKLOAD_TABLES) await writer.admin(sql);
}

/** The workload's rows as one server holds them now. */
export async function holdingOf(server: Readable): Promise<Holding> {
  const set = await server.admin('SELECT client, n FROM t.writes');
  const counters = await server.admin('SELECT client, v FROM t.counters');
  const values = counters.map((row) => [Number(row.client), Number(row.v)] as const);
  return {
    address: server.address,
    set: set.map((row) => `${row.client}/${row.n}`),
    counters: new Map(values.filter(([client]) => client !== SHARED_ROW)),
    shared: values.find(([client]) => client === SHARED_ROW)?.[1] ?? 0,
  };
}

/** Resolves when the servers have applied the same, or when a link has ended in an error and never will. */
export async function replicationRests(servers: readonly Readable[]): Promise<void> {
  await eventually(
    'replication has nothing left to do',
    () => Promise.all(servers.map(progressOf)),
    (seen) =>
      seen.every(({ applied }) => applied === seen[0]?.applied) || seen.some(({ error }) => error !== ''),
    { withinMs: 20_000 },
  );
}

interface Progress {
  readonly applied: string;
  /** Why a link stopped applying; empty while it has not. */
  readonly error: string;
}

async function progressOf(server: Readable): Promise<Progress> {
  const [position] = await server.admin('SELECT @@gtid_current_pos AS applied');
  const links = await server.admin('SHOW ALL SLAVES STATUS');
  return {
    applied: String(position?.applied),
    error: links.map((link) => link.Last_SQL_Error).join(''),
  };
}
