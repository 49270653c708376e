/** Reading in binary and relay logs. */
import type { Place } from '../../core/model.ts';
import type { LogReading, Row, Statement } from './dialect.ts';
import { count, statement } from './text.ts';

export function mysqlLogs(): Omit<LogReading, 'relayRest'> {
  return {
    files: statement('SHOW BINARY LOGS', 'REPLICATION CLIENT'),
    toFiles: (rows) => rows.map((row) => ({ file: row.Log_name ?? '', size: count(row.File_size) })),
    events: (from, limit) => events('BINLOG', from, limit),
    relayEvents: (from, limit) => events('RELAYLOG', from, limit),
    toEvents: (rows: readonly Row[]) =>
      rows.map((row) => ({
        type: row.Event_type ?? '',
        serverId: count(row.Server_id),
        start: count(row.Pos),
        end: count(row.End_log_pos),
        info: row.Info ?? '',
      })),
  };
}

function events(kind: 'BINLOG' | 'RELAYLOG', { file, pos }: Place, limit: number): Statement {
  return statement(
    `SHOW ${kind} EVENTS IN ${quoted(file)} FROM ${Math.trunc(pos)} LIMIT ${limit}`,
    'REPLICATION SLAVE',
  );
}

/** No expression is allowed there; names of log files hold none of these. */
function quoted(file: string): string {
  return `'${file.replace(/['\\]/g, '')}'`;
}
