/** MariaDB 10.5 and later. */
import type { History, Link, Look } from '../../core/model.ts';
import type { Dialect, Own, Row, Statement } from './dialect.ts';

const NOBODY_ELSE = "USER NOT IN ('system user', 'event_scheduler', 'unauthenticated user')";
const POSITION =
  '@@global.read_only AS ro, @@global.server_id AS server_id, @@global.gtid_binlog_state AS state,' +
  ' @@global.gtid_slave_pos AS pos';

export const mariadb: Dialect = {
  flavour: 'mariadb',
  seeEverybody: statement('SELECT COUNT(*) FROM information_schema.INNODB_CMP', 'PROCESS'),
  look: (own) =>
    statement(
      `SELECT ${POSITION}, @@version AS version,` +
        " (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'UPTIME') AS uptime," +
        ` (SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ${isClient(own)}) AS clients`,
      'PROCESS',
    ),
  links: statement('SHOW ALL SLAVES STATUS', 'SLAVE MONITOR'),
  toLook,
  position: statement(`SELECT ${POSITION}`),
  toReadOnly,
  toHistory,
  // Not gtid_slave_pos: it moves as long as the server's own transactions come back around the ring.
  toEnd: (row) => row.state ?? '',
  sessions: (own) =>
    statement(
      'SELECT ID, USER, COMMAND, STATE, ROUND(TIME_MS / 1000, 1) AS SECONDS' +
        ` FROM information_schema.PROCESSLIST WHERE ${isApplication(own)} ORDER BY TIME_MS DESC`,
      'PROCESS',
    ),
  isQueueing: (session) =>
    session.COMMAND === 'Sleep' || /backup lock|global read lock/i.test(session.STATE ?? ''),
  kill: (own, ids) =>
    statement(
      'BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;' +
        ` FOR s IN (SELECT ID FROM information_schema.PROCESSLIST WHERE ${isApplication(own)}${among(ids)})` +
        ' DO KILL CONNECTION s.ID; END FOR; END',
      'CONNECTION ADMIN',
    ),
  cancel: (id) => statement(`KILL QUERY ${id}`, 'CONNECTION ADMIN'),
  prepared: statement('XA RECOVER'),
  lockWait: (seconds) => statement(`SET SESSION lock_wait_timeout = ${Math.max(1, Math.ceil(seconds))}`),
  setReadOnly: statement('SET GLOBAL read_only = 1', 'READ_ONLY ADMIN'),
  noteTime: statement('SET @mmm_asked = UNIX_TIMESTAMP(SYSDATE(6))'),
  openUnlessLate: statement(
    'SET GLOBAL read_only = IF(UNIX_TIMESTAMP(SYSDATE(6)) - @mmm_asked BETWEEN 0 AND 1.5, 0, 1)',
    'READ_ONLY ADMIN',
  ),
  sourceOf,
  nameOf: (row) => row.Connection_name ?? '',
  stopReceiving: (name) => [use(name), statement('STOP SLAVE IO_THREAD', 'REPLICATION SLAVE ADMIN')],
  stopLink: (name) => [use(name), statement('STOP SLAVE', 'REPLICATION SLAVE ADMIN')],
  startLink: (name) => [use(name), statement('START SLAVE', 'REPLICATION SLAVE ADMIN')],
};

function statement(sql: string, needs = ''): Statement {
  return { sql, needs };
}

function toLook(state: Row, links: readonly Row[]): Look {
  const applied: History = { kind: 'mariadb', state: state.state ?? '', received: state.pos ?? '' };
  return {
    flavour: 'mariadb',
    version: (state.version ?? '').slice(0, 128),
    serverId: count(state.server_id),
    uptimeSeconds: count(state.uptime),
    readOnly: toReadOnly(state),
    clients: count(state.clients),
    history: toHistory(state),
    links: links.slice(0, 64).map((row) => toLink(row, applied)),
  };
}

/** From 12.0 the variable is a word; a value that nobody knows is read-only. */
function toReadOnly(row: Row): boolean {
  return row.ro !== '0' && row.ro !== 'OFF';
}

/** What came back of the server's own is no proof that it still holds it: only its binlog is. */
function toHistory(row: Row): History {
  const own = count(row.server_id);
  const others = (row.pos ?? '').split(',').filter((point) => Number(point.split('-')[1]) !== own);
  return { kind: 'mariadb', state: row.state ?? '', received: others.join(',') };
}

function sourceOf(row: Row): string {
  const host = row.Master_Host ?? '';
  return `${host.includes(':') ? `[${host}]` : host}:${row.Master_Port ?? ''}`.slice(0, 262);
}

function toLink(row: Row, applied: History): Link {
  const lag = row.Seconds_Behind_Master;
  const gtid = (row.Using_Gtid ?? 'No') !== 'No';
  return {
    from: sourceOf(row),
    fromServerId: count(row.Master_Server_Id),
    io: ioState(row.Slave_IO_Running),
    sql: row.Slave_SQL_Running === 'Yes' ? 'yes' : 'no',
    lagSeconds: lag === null || lag === undefined ? null : count(lag),
    drained: gtid ? hasApplied(applied, row.Gtid_IO_Pos ?? '') : readsWhatItRan(row),
    gtid,
    heartbeatMs: Math.round(Number(row.Slave_heartbeat_period ?? 0) * 1000) || 0,
    heard: [
      row.Slave_received_heartbeats,
      row.Master_Log_File,
      row.Read_Master_Log_Pos,
      row.Gtid_IO_Pos,
    ].join(' '),
    quietMs: 0,
    ioError: withoutQuery(row.Last_IO_Error).slice(0, 1000),
    sqlError: withoutQuery(row.Last_SQL_Error).slice(0, 1000),
  };
}

function ioState(text: string | null | undefined): Link['io'] {
  if (text === 'Yes') return 'yes';
  return text === 'Connecting' || text === 'Preparing' ? 'connecting' : 'no';
}

/**
 * Whether each domain's last received transaction is applied. Its own transactions that come back around the
 * ring are received and skipped: those are found in the binary log.
 */
function hasApplied(history: History, received: string): boolean {
  if (history.kind !== 'mariadb') return false;
  const applied = new Map(gtids(history.received).map(({ domain, sequence }) => [domain, sequence]));
  const logged = new Map(
    gtids(history.state).map(({ domain, server, sequence }) => [`${domain}-${server}`, sequence]),
  );
  return gtids(received).every(
    ({ domain, server, sequence }) =>
      (applied.get(domain) ?? -1n) >= sequence || (logged.get(`${domain}-${server}`) ?? -1n) >= sequence,
  );
}

interface Gtid {
  readonly domain: string;
  readonly server: string;
  readonly sequence: bigint;
}

function gtids(text: string): readonly Gtid[] {
  return [...text.matchAll(/(\d+)-(\d+)-(\d+)/g)].map(([, domain = '', server = '', sequence = '0']) => ({
    domain,
    server,
    sequence: BigInt(sequence),
  }));
}

function readsWhatItRan(row: Row): boolean {
  return (
    row.Master_Log_File === row.Relay_Master_Log_File && row.Read_Master_Log_Pos === row.Exec_Master_Log_Pos
  );
}

/** Errors of the applying thread may quote the statement, and with it an application's data. */
function withoutQuery(error: string | null | undefined): string {
  return (error ?? '').replace(/\bQuery: .*$/s, 'Query: (see the error log of the server)');
}

/** As the ancestor counts `conn_nums`: sessions in the server's own databases are no clients. */
function isClient(own: Own): string {
  const users = [own.user, ...own.excludeUsers].map(binary).join(', ');
  return (
    `${NOBODY_ELSE} AND BINARY USER NOT IN (${users}) AND COMMAND NOT LIKE 'Binlog Dump%'` +
    " AND COALESCE(DB, '') NOT IN ('information_schema', 'performance_schema', 'mysql')"
  );
}

/** Everybody but the server itself, the replicas that read from it, and the daemons. */
function isApplication(own: Own): string {
  return (
    `${NOBODY_ELSE} AND BINARY USER <> ${binary(own.user)} AND COMMAND NOT LIKE 'Binlog Dump%'` +
    " AND COMMAND NOT LIKE 'Slave%' AND COMMAND <> 'Daemon'"
  );
}

function among(ids: readonly number[] | undefined): string {
  return ids === undefined ? '' : ` AND ID IN (${ids.map(Math.trunc).join(', ')})`;
}

function use(name: string): Statement {
  return statement(`SET SESSION default_master_connection = ${literal(name)}`);
}

function literal(text: string): string {
  return `CONVERT(${binary(text)} USING utf8mb4)`;
}

/** In hexadecimal, so that no quoting rule of the server matters; compares byte by byte, as account names do. */
function binary(text: string): string {
  const hex = [...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `x'${hex}'`;
}

function count(text: string | null | undefined): number {
  const value = Math.trunc(Number(text ?? 0));
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}
