/** Words that every dialect is made of. */
import type { Link } from '../../core/model.ts';
import type { Own, Row, Statement } from './dialect.ts';

const NOBODY_ELSE = "USER NOT IN ('system user', 'event_scheduler', 'unauthenticated user')";

export function statement(sql: string, needs = ''): Statement {
  return { sql, needs };
}

/** As the ancestor counts `conn_nums`: sessions in the server's own databases are no clients. */
export function isClient(own: Own): string {
  const users = [own.user, ...own.excludeUsers].map(binary).join(', ');
  return (
    `${NOBODY_ELSE} AND CAST(USER AS BINARY) NOT IN (${users}) AND COMMAND NOT LIKE 'Binlog Dump%'` +
    " AND COALESCE(DB, '') NOT IN ('information_schema', 'performance_schema', 'mysql')"
  );
}

/** Everybody but the server itself, the replicas that read from it, and the daemons. */
export function isApplication(own: Own): string {
  return (
    `${NOBODY_ELSE} AND CAST(USER AS BINARY) <> ${binary(own.user)} AND COMMAND NOT LIKE 'Binlog Dump%'` +
    " AND COMMAND NOT LIKE 'Slave%' AND COMMAND <> 'Daemon'"
  );
}

/** Text as SQL, whatever the server's quoting rules. */
export function literal(text: string): string {
  return `CONVERT(${binary(text)} USING utf8mb4)`;
}

/** In hexadecimal, so that no quoting rule of the server matters; compares byte by byte, as account names do. */
export function binary(text: string): string {
  const hex = [...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `x'${hex}'`;
}

/** A whole number that is not negative; 0 for anything else. */
export function count(text: string | null | undefined): number {
  const value = Math.trunc(Number(text ?? 0));
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** Which link a statement is about; no expression is allowed there. */
export function forChannel(name: string): string {
  return ` FOR CHANNEL '${name.replace(/['\\]/g, '')}'`;
}

/** `host:port` of a link's source. */
export function sourceOf(link: Row): string {
  const host = link.Master_Host ?? '';
  return `${host.includes(':') ? `[${host}]` : host}:${link.Master_Port ?? ''}`.slice(0, 262);
}

/** What a link's status tells in the same words on every server. */
export function linkBasis(
  row: Row,
): Pick<Link, 'from' | 'fromServerId' | 'io' | 'sql' | 'lagSeconds' | 'quietMs' | 'ioError' | 'sqlError'> {
  return {
    from: sourceOf(row),
    fromServerId: count(row.Master_Server_Id),
    io: ioState(row.Slave_IO_Running),
    sql: row.Slave_SQL_Running === 'Yes' ? 'yes' : 'no',
    lagSeconds: lagOf(row),
    quietMs: 0,
    ioError: withoutQuery(row.Last_IO_Error),
    sqlError: withoutQuery(row.Last_SQL_Error),
  };
}

function ioState(text: string | null | undefined): Link['io'] {
  if (text === 'Yes') return 'yes';
  return text === 'Connecting' || text === 'Preparing' ? 'connecting' : 'no';
}

/** null is unknown, never zero. */
function lagOf(link: Row): number | null {
  const lag = link.Seconds_Behind_Master;
  return lag === null || lag === undefined ? null : count(lag);
}

/** Everything that was read from the source has been run, told by places. */
export function readsWhatItRan(link: Row): boolean {
  return (
    link.Master_Log_File === link.Relay_Master_Log_File &&
    link.Read_Master_Log_Pos === link.Exec_Master_Log_Pos
  );
}

/** Errors of the applying thread may quote the statement, and with it an application's data. */
function withoutQuery(error: string | null | undefined): string {
  return (error ?? '').replace(/\bQuery: .*$/s, 'Query: (see the error log of the server)').slice(0, 1000);
}
