/** What an operator does with a server that has gone its own way: fill it anew from the writer. */
import type { DbServer } from './db-server.ts';
import { rootSession, type TestSession } from './mariadb-admin.ts';

const ROWS_AT_ONCE = 5_000;

/**
 * Gives `stale` the workload's rows and the history of `writer`, and forgets its own. Nobody may write meanwhile.
 * Its replication links stay configured and stopped.
 */
export async function reclone(stale: DbServer, writer: DbServer): Promise<void> {
  for (const server of [stale, writer]) await server.admin(STOP[server.replication]);
  const session = await rootSession(stale.socket);
  try {
    // The copy is no history of its own.
    await session.query('SET sql_log_bin=0');
    await copyTable(writer, session, 't.writes', ['id', 'client', 'n', 'server']);
    await copyTable(writer, session, 't.counters', ['client', 'v']);
  } finally {
    session.end();
  }
  if (stale.replication === 'mariadb') await takeMariadbHistory(stale, writer);
  else if (stale.replication === 'gtid') await takeGtidHistory(stale, writer);
  else await takePositions(stale, writer);
}

/** The position of a link cannot be set while it runs. */
const STOP = { mariadb: 'STOP ALL SLAVES', gtid: 'STOP SLAVE', position: 'STOP SLAVE' } as const;

async function takeMariadbHistory(stale: DbServer, writer: DbServer): Promise<void> {
  const [history] = await writer.admin('SELECT @@gtid_binlog_state AS state, @@gtid_binlog_pos AS position');
  await stale.admin('RESET MASTER');
  await stale.admin(`SET GLOBAL gtid_binlog_state = '${history?.state}'`);
  // The writer holds all of this itself: without it, it would ask for events that the new copy never had.
  for (const server of [stale, writer])
    await server.admin(`SET GLOBAL gtid_slave_pos = '${history?.position}'`);
}

async function takeGtidHistory(stale: DbServer, writer: DbServer): Promise<void> {
  const [history] = await writer.admin('SELECT @@global.gtid_executed AS sets');
  await stale.admin('CHANGE MASTER TO master_auto_position=1');
  await stale.admin('RESET MASTER');
  await stale.admin(`SET GLOBAL gtid_purged = '${history?.sets}'`);
}

async function takePositions(stale: DbServer, writer: DbServer): Promise<void> {
  const [end] = await writer.admin('SHOW MASTER STATUS');
  await stale.admin('RESET MASTER');
  await writer.admin("CHANGE MASTER TO master_log_file='bin.000001', master_log_pos=4");
  await stale.admin(`CHANGE MASTER TO master_log_file='${end?.File}', master_log_pos=${end?.Position}`);
}

async function copyTable(
  from: DbServer,
  to: TestSession,
  table: string,
  columns: readonly string[],
): Promise<void> {
  const rows = await from.admin(`SELECT ${columns.join(', ')} FROM ${table}`);
  await to.query(`DELETE FROM ${table}`);
  for (let first = 0; first < rows.length; first += ROWS_AT_ONCE) {
    const some = rows.slice(first, first + ROWS_AT_ONCE);
    const values = some.map((row) => `(${columns.map((column) => Number(row[column])).join(',')})`);
    await to.query(`INSERT INTO ${table} (${columns.join(', ')}) VALUES ${values.join(',')}`);
  }
}
