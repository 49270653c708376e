/** The replica side of MySQL. Answers are spelled as before 8.0.22, whatever the server says. */
import type { History, Link } from '../../core/model.ts';
import type { Answers, RelayRest, Row, Statement } from './dialect.ts';
import type { Abilities } from './mysql.ts';
import { count, forChannel, linkBasis, readsWhatItRan, sourceOf, statement } from './text.ts';

type Applied = Extract<History, { kind: 'binlog' }>['applied'];

export interface MysqlLinks {
  readonly list: Statement;
  /** null where the status has them, or nobody may see them. */
  readonly heartbeats: Statement | null;
  classic(row: Row): Row;
  toLinks(answers: Answers): Link[];
  applied(answers: Answers): Applied;
  relayRest(answers: Answers): readonly (RelayRest | null)[];
  stopReceiving(link: Row): readonly Statement[];
  stopLink(link: Row): readonly Statement[];
  startLink(link: Row): readonly Statement[];
  restOfStopped(link: Row): RelayRest | null;
  restart(link: Row): readonly Statement[];
}

/** `needs`: the privilege to control links. */
export function mysqlLinks(
  { saysReplica, saysBinaryLog, seesHeartbeats }: Abilities,
  needs: string,
): MysqlLinks {
  const word = saysReplica ? 'REPLICA' : 'SLAVE';
  const order = (what: string, link: Row): Statement => statement(`${what}${channel(link)}`, needs);
  return {
    list: statement(`SHOW ${word} STATUS`, 'REPLICATION CLIENT'),
    heartbeats: seesHeartbeats ? HEARTBEATS : null,
    classic,
    toLinks: (answers) => rows(answers).map((row) => toLink(row, answers)),
    applied: (answers) => appliedOf(rows(answers)),
    relayRest: (answers) => rows(answers).map((row, _, all) => restOf(row, answers, all.length === 1)),
    stopReceiving: (link) => [order(`STOP ${word} IO_THREAD`, link)],
    stopLink: (link) => [order(`STOP ${word}`, link)],
    startLink: (link) => [order(`START ${word}`, link)],
    restOfStopped: (link) => {
      const row = classic(link);
      const standsStill = row.Slave_IO_Running === 'No' && row.Slave_SQL_Running === 'No';
      return standsStill ? restOf(row, [], true) : null;
    },
    restart: (link) => restart(classic(link), saysBinaryLog).map((sql) => order(sql, link)),
  };
}

export const HEARTBEATS = statement(
  'SELECT CHANNEL_NAME, HEARTBEAT_INTERVAL, COUNT_RECEIVED_HEARTBEATS' +
    ' FROM performance_schema.replication_connection_configuration' +
    ' JOIN performance_schema.replication_connection_status USING (CHANNEL_NAME)',
);

function rows(answers: Answers): readonly Row[] {
  return (answers[1] ?? []).slice(0, 64).map(classic);
}

function classic(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name.replace('Replica', 'Slave').replace('Source', 'Master'),
      value,
    ]),
  );
}

/** Begins again behind what was applied; both threads must stand still. What is thrown away is asked for anew. */
function restart(link: Row, saysBinaryLog: boolean): readonly string[] {
  const [change, side] = saysBinaryLog
    ? ['CHANGE REPLICATION SOURCE', 'SOURCE']
    : ['CHANGE MASTER', 'MASTER'];
  if (link.Auto_Position === '1') return [`${change} TO ${side}_AUTO_POSITION = 1`];
  const file = link.Relay_Master_Log_File ?? '';
  const pos = count(link.Exec_Master_Log_Pos);
  if (file === '' || pos === 0) return [];
  return [`${change} TO ${side}_LOG_FILE = '${file.replace(/['\\]/g, '')}', ${side}_LOG_POS = ${pos}`];
}

/** Only servers with several links name them. */
function channel(link: Row): string {
  const name = link.Channel_Name ?? '';
  return name === '' ? '' : forChannel(name);
}

function toLink(row: Row, answers: Answers): Link {
  const { periodMs, received } = heartbeatsOf(row, answers);
  return {
    ...linkBasis(row),
    drained: readsWhatItRan(row),
    gtid: row.Auto_Position === '1',
    heartbeatMs: periodMs,
    heard: [received, row.Master_Log_File, row.Read_Master_Log_Pos].join(' '),
  };
}

/** Up to 5.6 the status has them, for the one link there is. */
function heartbeatsOf(row: Row, answers: Answers): { readonly periodMs: number; readonly received: string } {
  const status = new Map((answers[2] ?? []).map((one) => [one.Variable_name, one.Value]));
  const own = (answers[3] ?? []).find((one) => (one.CHANNEL_NAME ?? '') === (row.Channel_Name ?? ''));
  const seconds = own?.HEARTBEAT_INTERVAL ?? status.get('Slave_heartbeat_period');
  return {
    periodMs: Math.round(Number(seconds ?? 0) * 1000) || 0,
    received: own?.COUNT_RECEIVED_HEARTBEATS ?? status.get('Slave_received_heartbeats') ?? '',
  };
}

function appliedOf(links: readonly Row[]): Applied {
  return Object.fromEntries(
    links.flatMap((row) => {
      const file = row.Relay_Master_Log_File ?? '';
      if (file === '') return [];
      const place = { file, pos: count(row.Exec_Master_Log_Pos) };
      const id = count(row.Master_Server_Id);
      // A server that was restarted knows the id only once it is connected.
      const names = id === 0 ? [sourceOf(row)] : [sourceOf(row), String(id)];
      return names.map((name) => [name, place]);
    }),
  );
}

/** Only when nothing is coming in any more. */
function restOf(row: Row, answers: Answers, isAlone: boolean): RelayRest | null {
  const file = row.Relay_Log_File ?? '';
  if (row.Slave_IO_Running === 'Yes' || file === '' || readsWhatItRan(row)) return null;
  const name = row.Channel_Name ?? '';
  const isSingle = count(answers[0]?.[0]?.workers) === 0;
  const hasReadAll = /has read all relay log/i.test(row.Slave_SQL_Running_State ?? '');
  return {
    channel: isAlone && name === '' ? null : name,
    from: { file, pos: count(row.Relay_Log_Pos) },
    isIdle: isSingle && hasReadAll,
  };
}
