import type { Holding } from './checker.ts';
import type { Replication } from './db-server.ts';
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
  const set = await server.admin('SELECT client, n, server FROM t.writes');
  const counters = await server.admin('SELECT client, v FROM t.counters');
  const values = counters.map((row) => [Number(row.client), Number(row.v)] as const);
  return {
    address: server.address,
    set: set.map((row) => `${row.client}/${row.n}`),
    counters: new Map(values.filter(([client]) => client !== SHARED_ROW)),
    shared: values.find(([client]) => client === SHARED_ROW)?.[1] ?? 0,
    takenBy: new Map(set.map((row) => [`${row.client}/${row.n}`, Number(row.server)])),
  };
}

/** Resolves when the servers have applied the same, or when a link has ended in an error and never will. */
export async function replicationRests(servers: readonly Replicating[]): Promise<void> {
  await eventually(
    'replication has nothing left to do',
    () => Promise.all(servers.map(progressOf)),
    (seen) => seen.some(({ error }) => error !== '') || haveTheSame(seen),
    { withinMs: 20_000 },
  );
}

interface Replicating extends Readable {
  readonly replication: Replication;
}

interface Progress {
  /** By GTID: all it has applied. By position: where its own binary log ends. */
  readonly holds: string;
  /** By position: what it has applied of its source's binary log; else as `holds`. */
  readonly applied: string;
  /** Why a link stopped applying; empty while it has not. */
  readonly error: string;
}

function haveTheSame(seen: readonly Progress[]): boolean {
  return seen.every((one) => seen.every((other) => one === other || one.applied === other.holds));
}

async function progressOf(server: Replicating): Promise<Progress> {
  if (server.replication === 'mariadb') {
    const [position] = await server.admin('SELECT @@gtid_current_pos AS applied');
    const links = await server.admin('SHOW ALL SLAVES STATUS');
    const holds = String(position?.applied);
    return { holds, applied: holds, error: links.map((link) => link.Last_SQL_Error).join('') };
  }
  const [link] = await server.admin('SHOW SLAVE STATUS');
  const error = String(link?.Last_SQL_Error ?? '');
  if (server.replication === 'gtid') {
    const holds = String((await server.admin('SELECT @@global.gtid_executed AS sets'))[0]?.sets);
    return { holds, applied: holds, error };
  }
  const [own] = await server.admin('SHOW MASTER STATUS');
  const applied = `${link?.Relay_Master_Log_File}:${link?.Exec_Master_Log_Pos}`;
  return { holds: `${own?.File}:${own?.Position}`, applied, error };
}
