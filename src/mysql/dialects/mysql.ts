/** MySQL 5.6 and later, by what the server says it can. */
import type { History, Look } from '../../core/model.ts';
import type { Answers, Dialect, Row } from './dialect.ts';
import { closeAfter, isReadOnly, openUnlessLate } from './lease.ts';
import { mysqlLinks } from './mysql-links.ts';
import { mysqlLogs } from './mysql-logs.ts';
import { count, isApplication, isClient, sourceOf, statement } from './text.ts';

/** What a MySQL server can do; asked once per connection. */
export interface Abilities {
  /** Global variables that exist, in lower case. */
  readonly variables: ReadonlySet<string>;
  /** SHOW REPLICA STATUS and its family; before 8.0.22 SHOW SLAVE STATUS. */
  readonly saysReplica: boolean;
  /** SHOW BINARY LOG STATUS and CHANGE REPLICATION SOURCE; before 8.2 SHOW MASTER STATUS and CHANGE MASTER. */
  readonly saysBinaryLog: boolean;
  /** The account may read the heartbeats of links in performance_schema, where they are from 5.7 on. */
  readonly seesHeartbeats: boolean;
}

/**
 * Killed and without a statement: 5.6 sometimes leaves such a session in the list until its client sends something.
 * By then the server is read-only.
 */
const IS_OVER = "COMMAND = 'Killed' AND INFO IS NULL";

/** What `SHOW GLOBAL VARIABLES` is asked for. */
export const ABILITY_VARIABLES: readonly string[] = [
  'super_read_only',
  'gtid_mode',
  'server_uuid',
  'slave_parallel_workers',
  'replica_parallel_workers',
];

/** Order of the answers: state, links, status, heartbeats, own binary log. */
export function mysql(abilities: Abilities): Dialect {
  const { variables, saysReplica, saysBinaryLog } = abilities;
  const privileges = saysReplica
    ? { set: 'SYSTEM_VARIABLES_ADMIN', kill: 'CONNECTION_ADMIN', replicate: 'REPLICATION_SLAVE_ADMIN' }
    : { set: 'SUPER', kill: 'SUPER', replicate: 'SUPER' };
  const readOnly = variables.has('super_read_only') ? 'super_read_only' : 'read_only';
  const links = mysqlLinks(abilities, privileges.replicate);
  const logs = mysqlLogs(abilities);
  const own = statement(
    saysBinaryLog ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS',
    'REPLICATION CLIENT',
  );
  const state = stateColumns(variables);
  const toHistory = (answers: Answers): History =>
    historyOf(first(answers), links.applied(answers), answers[4]);
  return {
    flavour: 'mysql',
    // 5.6 answers questions in information_schema without it too, only emptier.
    seeEverybody: statement('SHOW ENGINE INNODB STATUS', 'PROCESS'),
    look: (who) => [
      statement(
        `SELECT ${state}, @@version AS version,` +
          ` (SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ${isClient(who)}) AS clients`,
        'PROCESS',
      ),
      links.list,
      statement(
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('Uptime', 'Slave_heartbeat_period', 'Slave_received_heartbeats')",
      ),
      links.heartbeats ?? NOTHING,
    ],
    // With GTID it tells nothing, and it would wait for a large transaction that is being committed.
    further: (answers) => (first(answers).gtid_mode === 'ON' ? null : own),
    toLook: (answers) => toLook(answers, toHistory(answers), links.toLinks(answers)),
    links: links.list,
    position: [statement(`SELECT ${state}`), links.list, NOTHING, NOTHING],
    toReadOnly,
    toHistory,
    toEnd: (answers) => {
      const history = toHistory(answers);
      return history.kind === 'mysql'
        ? history.executed
        : JSON.stringify(history.kind === 'binlog' && history.end);
    },
    sessions: (who) =>
      statement(
        'SELECT ID, USER, COMMAND, STATE, TIME AS SECONDS' +
          ` FROM information_schema.PROCESSLIST WHERE ${isApplication(who)} AND NOT (${IS_OVER})` +
          ' ORDER BY TIME DESC',
        'PROCESS',
      ),
    isQueueing: (session) =>
      session.COMMAND === 'Sleep' || /(?:backup|commit|global read) lock/i.test(session.STATE ?? ''),
    killAll: null,
    kill: (id) => statement(`KILL CONNECTION ${id}`, privileges.kill),
    cancel: (id) => statement(`KILL QUERY ${id}`, privileges.kill),
    prepared: statement('XA RECOVER'),
    lockWait: (seconds) => statement(`SET SESSION lock_wait_timeout = ${Math.max(1, Math.ceil(seconds))}`),
    // Sets read_only too, and stops accounts that may write through that one.
    setReadOnly: statement(`SET GLOBAL ${readOnly} = 1`, privileges.set),
    openUnlessLate: (lock) => openUnlessLate(lock, privileges.set),
    patient: statement('SET SESSION lock_wait_timeout = 86400'),
    closeAfter: (ms) => closeAfter(ms, readOnly, privileges.set),
    sourceOf: (link) => sourceOf(links.classic(link)),
    stopReceiving: links.stopReceiving,
    stopLink: links.stopLink,
    startLink: links.startLink,
    logs: {
      ...logs,
      relayRest: links.relayRest,
      restOfStopped: links.restOfStopped,
      restart: links.restart,
    },
  };
}

/** Keeps the place of an answer. */
const NOTHING = statement('DO 0');

function stateColumns(variables: ReadonlySet<string>): string {
  const gtid = variables.has('gtid_mode')
    ? ', @@global.gtid_mode AS gtid_mode, @@global.gtid_executed AS executed'
    : '';
  const uuid = variables.has('server_uuid') ? ', @@global.server_uuid AS uuid' : '';
  const workers = ['replica_parallel_workers', 'slave_parallel_workers'].find((name) => variables.has(name));
  const parallel = workers === undefined ? '' : `, @@global.${workers} AS workers`;
  return `@@global.read_only AS ro, @@global.server_id AS server_id${gtid}${uuid}${parallel}`;
}

function first(answers: Answers): Row {
  return answers[0]?.[0] ?? {};
}

function toReadOnly(answers: Answers): boolean {
  return isReadOnly(first(answers));
}

function toLook(answers: Answers, history: History, links: Look['links']): Look {
  const state = first(answers);
  const status = new Map((answers[2] ?? []).map((row) => [row.Variable_name, row.Value]));
  return {
    flavour: 'mysql',
    version: (state.version ?? '').slice(0, 128),
    serverId: count(state.server_id),
    uptimeSeconds: count(status.get('Uptime')),
    readOnly: toReadOnly(answers),
    clients: count(state.clients),
    history,
    links,
  };
}

/** Sets that are complete, or places. Where the binary log is off, nothing can be told. */
function historyOf(
  state: Row,
  applied: Extract<History, { kind: 'binlog' }>['applied'],
  own: readonly Row[] | undefined,
): History {
  if (state.gtid_mode === 'ON') {
    return { kind: 'mysql', executed: (state.executed ?? '').replace(/\s+/g, ''), uuid: state.uuid ?? '' };
  }
  const row = own?.[0];
  const end = { file: row?.File ?? '', pos: count(row?.Position) };
  return {
    kind: 'binlog',
    serverId: count(state.server_id),
    address: '',
    end,
    own: null,
    unknown:
      row === undefined
        ? 'its binary log is off (log_bin)'
        : 'nobody has said how far the other server has read its binary log',
    lost: null,
    applied,
  };
}
