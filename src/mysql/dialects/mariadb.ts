/** MariaDB 10.5 and later. */
import type { History, Link, Look } from '../../core/model.ts';
import type { Answers, Dialect, Row, Statement } from './dialect.ts';
import { closeAfter, isReadOnly, openUnlessLate } from './lease.ts';
import {
  count,
  isApplication,
  isClient,
  linkBasis,
  literal,
  readsWhatItRan,
  sourceOf,
  statement,
} from './text.ts';

const POSITION =
  '@@global.read_only AS ro, @@global.server_id AS server_id, @@global.gtid_binlog_state AS state,' +
  ' @@global.gtid_slave_pos AS pos';

const LINKS = statement('SHOW ALL SLAVES STATUS', 'SLAVE MONITOR');

export const mariadb: Dialect = {
  flavour: 'mariadb',
  seeEverybody: statement('SELECT COUNT(*) FROM information_schema.INNODB_CMP', 'PROCESS'),
  look: (own) => [
    statement(
      `SELECT ${POSITION}, @@version AS version,` +
        " (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'UPTIME') AS uptime," +
        ` (SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ${isClient(own)}) AS clients`,
      'PROCESS',
    ),
    LINKS,
  ],
  further: () => null,
  toLook,
  links: LINKS,
  position: [statement(`SELECT ${POSITION}`)],
  toReadOnly,
  toHistory,
  // Not gtid_slave_pos: it moves as long as the server's own transactions come back around the ring.
  toEnd: (answers) => first(answers).state ?? '',
  sessions: (own) =>
    statement(
      'SELECT ID, USER, COMMAND, STATE, ROUND(TIME_MS / 1000, 1) AS SECONDS' +
        ` FROM information_schema.PROCESSLIST WHERE ${isApplication(own)} ORDER BY TIME_MS DESC`,
      'PROCESS',
    ),
  isQueueing: (session) =>
    session.COMMAND === 'Sleep' || /backup lock|global read lock/i.test(session.STATE ?? ''),
  killAll: (own, ids) =>
    statement(
      'BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;' +
        ` FOR s IN (SELECT ID FROM information_schema.PROCESSLIST WHERE ${isApplication(own)}${among(ids)})` +
        ' DO KILL CONNECTION s.ID; END FOR; END',
      'CONNECTION ADMIN',
    ),
  kill: (id) => statement(`KILL CONNECTION ${id}`, 'CONNECTION ADMIN'),
  cancel: (id) => statement(`KILL QUERY ${id}`, 'CONNECTION ADMIN'),
  prepared: statement('XA RECOVER'),
  lockWait: (seconds) => statement(`SET SESSION lock_wait_timeout = ${Math.max(1, Math.ceil(seconds))}`),
  setReadOnly: statement('SET GLOBAL read_only = 1', 'READ_ONLY ADMIN'),
  openUnlessLate: (lock) => openUnlessLate(lock, 'READ_ONLY ADMIN'),
  patient: statement('SET SESSION max_statement_time = 0, lock_wait_timeout = 86400'),
  closeAfter: (ms) => closeAfter(ms, 'read_only', 'READ_ONLY ADMIN'),
  sourceOf,
  stopReceiving: (link) => [use(link), statement('STOP SLAVE IO_THREAD', 'REPLICATION SLAVE ADMIN')],
  stopLink: (link) => [use(link), statement('STOP SLAVE', 'REPLICATION SLAVE ADMIN')],
  startLink: (link) => [use(link), statement('START SLAVE', 'REPLICATION SLAVE ADMIN')],
  logs: null,
};

function first(answers: Answers): Row {
  return answers[0]?.[0] ?? {};
}

function toLook(answers: Answers): Look {
  const state = first(answers);
  const links = answers[1] ?? [];
  const applied: History = { kind: 'mariadb', state: state.state ?? '', received: state.pos ?? '' };
  return {
    flavour: 'mariadb',
    version: (state.version ?? '').slice(0, 128),
    serverId: count(state.server_id),
    uptimeSeconds: count(state.uptime),
    readOnly: toReadOnly(answers),
    clients: count(state.clients),
    history: toHistory(answers),
    links: links.slice(0, 64).map((row) => toLink(row, applied)),
  };
}

function toReadOnly(answers: Answers): boolean {
  return isReadOnly(first(answers));
}

/**
 * What came back of the server's own is no proof that it still holds it: only its binlog is. Where that knows nothing
 * of its own it is a copy of another server, which had received it.
 */
function toHistory(answers: Answers): History {
  const row = first(answers);
  const own = count(row.server_id);
  const state = row.state ?? '';
  const hasWritten = new Set(
    gtids(state).flatMap(({ domain, server }) => (Number(server) === own ? [domain] : [])),
  );
  const kept = gtids(row.pos ?? '').filter(
    ({ domain, server }) => Number(server) !== own || !hasWritten.has(domain),
  );
  const received = kept.map(({ domain, server, sequence }) => `${domain}-${server}-${sequence}`);
  return { kind: 'mariadb', serverId: own, state, received: received.join(',') };
}

function toLink(row: Row, applied: History): Link {
  const gtid = (row.Using_Gtid ?? 'No') !== 'No';
  return {
    ...linkBasis(row),
    drained: gtid ? hasApplied(applied, row.Gtid_IO_Pos ?? '') : readsWhatItRan(row),
    gtid,
    heartbeatMs: Math.round(Number(row.Slave_heartbeat_period ?? 0) * 1000) || 0,
    heard: [
      row.Slave_received_heartbeats,
      row.Master_Log_File,
      row.Read_Master_Log_Pos,
      row.Gtid_IO_Pos,
    ].join(' '),
  };
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

function among(ids: readonly number[] | undefined): string {
  return ids === undefined ? '' : ` AND ID IN (${ids.map(Math.trunc).join(', ')})`;
}

function use(link: Row): Statement {
  return statement(`SET SESSION default_master_connection = ${literal(link.Connection_name ?? '')}`);
}
