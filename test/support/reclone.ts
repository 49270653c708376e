/** What an operator does with a server that has gone its own way: fill it anew from the writer. */
import type { MariaServer } from './mariadb.ts';

const ROWS_AT_ONCE = 5_000;

/**
 * Gives `stale` the workload's rows and the history of `writer`, and forgets its own. Nobody may write meanwhile.
 * Its replication links stay configured and stopped.
 */
export async function reclone(stale: MariaServer, writer: MariaServer): Promise<void> {
  await stale.admin('STOP ALL SLAVES');
  await stopFollowing(writer);
  await copyTable(writer, stale, 't.writes', ['id', 'client', 'n', 'server']);
  await copyTable(writer, stale, 't.counters', ['client', 'v']);
  const [history] = await writer.admin('SELECT @@gtid_binlog_state AS state, @@gtid_binlog_pos AS position');
  await stale.admin('RESET MASTER');
  await stale.admin(`SET GLOBAL gtid_binlog_state = '${history?.state}'`);
  // The writer holds all of this itself: without it, it would ask for events that the new copy never had.
  for (const server of [stale, writer])
    await server.admin(`SET GLOBAL gtid_slave_pos = '${history?.position}'`);
}

/** The position of a link cannot be set while it runs. */
async function stopFollowing(server: MariaServer): Promise<void> {
  await server.admin('STOP ALL SLAVES');
}

async function copyTable(
  from: MariaServer,
  to: MariaServer,
  table: string,
  columns: readonly string[],
): Promise<void> {
  const rows = await from.admin(`SELECT ${columns.join(', ')} FROM ${table}`);
  await unlogged(to, `DELETE FROM ${table}`);
  for (let first = 0; first < rows.length; first += ROWS_AT_ONCE) {
    const some = rows.slice(first, first + ROWS_AT_ONCE);
    const values = some.map((row) => `(${columns.map((column) => Number(row[column])).join(',')})`);
    await unlogged(to, `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${values.join(',')}`);
  }
}

/** The copy is no history of its own. */
function unlogged(server: MariaServer, sql: string): Promise<unknown> {
  return server.admin(`SET STATEMENT sql_log_bin=0 FOR ${sql}`);
}
