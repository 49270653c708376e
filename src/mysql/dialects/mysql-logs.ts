/** Reading in binary and relay logs. */
import type { Place } from '../../core/model.ts';
import type { LogReading, Row, Statement } from './dialect.ts';
import type { Abilities } from './mysql.ts';
import { count, forChannel, statement } from './text.ts';

type Reading = Omit<LogReading, 'relayRest' | 'restOfStopped' | 'restart'>;

export function mysqlLogs({ saysReplica }: Pick<Abilities, 'saysReplica'>): Reading {
  return {
    // Needs the same privilege, and unlike reading does not wait for a commit that is being written.
    mayRead: statement(saysReplica ? 'SHOW REPLICAS' : 'SHOW SLAVE HOSTS', 'REPLICATION SLAVE'),
    files: statement('SHOW BINARY LOGS', 'REPLICATION CLIENT'),
    toFiles: (rows) => rows.map((row) => ({ file: row.Log_name ?? '', size: count(row.File_size) })),
    events: (from, limit) => events('BINLOG', from, limit),
    relayEvents: ({ channel }, from, limit) =>
      events('RELAYLOG', from, limit, channel === null ? '' : forChannel(channel)),
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

function events(kind: 'BINLOG' | 'RELAYLOG', { file, pos }: Place, limit: number, link = ''): Statement {
  return statement(
    `SHOW ${kind} EVENTS IN ${quoted(file)} FROM ${Math.trunc(pos)} LIMIT ${limit}${link}`,
    'REPLICATION SLAVE',
  );
}

/** No expression is allowed there; names of log files hold none of these. */
function quoted(file: string): string {
  return `'${file.replace(/['\\]/g, '')}'`;
}
