import { expect, test } from 'vitest';
import type { History, Place } from '../../../src/core/model.ts';
import { ServerError } from '../../../src/errors.ts';
import type { Row } from '../../../src/mysql/dialects/dialect.ts';
import { mysql } from '../../../src/mysql/dialects/mysql.ts';
import { createOwnWrites } from '../../../src/mysql/own-writes.ts';

type Binlog = Extract<History, { kind: 'binlog' }>;

const dialect = mysql({
  variables: new Set(),
  saysReplica: false,
  saysBinaryLog: false,
  seesHeartbeats: false,
});
const SERVER = '10.0.0.1:3306';
const at = (file: string, pos: number): Place => ({ file, pos });

/** A binary log in memory: `writers` wrote one transaction of 100 bytes each, file by file. */
function binlogOf(files: Readonly<Record<string, readonly number[]>>) {
  const asked: string[] = [];
  const ask = async ({ sql }: { readonly sql: string }): Promise<readonly Row[]> => {
    asked.push(sql);
    if (sql === 'SHOW BINARY LOGS') {
      return Object.entries(files).map(([name, writers]) => ({
        Log_name: name,
        File_size: String(120 + 100 * writers.length),
      }));
    }
    const [, file = '', from = '0', limit = '0'] = /IN '(.*)' FROM (\d+) LIMIT (\d+)/.exec(sql) ?? [];
    const head = { Event_type: 'Format_desc', Server_id: '1', Pos: '4', End_log_pos: '120', Info: '' };
    const rows = (files[file] ?? []).map((writer, index) => ({
      Event_type: 'Xid',
      Server_id: String(writer),
      Pos: String(120 + 100 * index),
      End_log_pos: String(220 + 100 * index),
      Info: 'COMMIT',
    }));
    return [head, ...rows].filter(({ Pos }) => Number(Pos) >= Number(from)).slice(0, Number(limit));
  };
  const names = Object.keys(files);
  const last = names.at(-1) ?? '';
  const history: Binlog = {
    kind: 'binlog',
    serverId: 1,
    address: '',
    end: at(last, 120 + 100 * (files[last]?.length ?? 0)),
    own: null,
    unknown: 'nobody has said',
    lost: null,
    applied: {},
  };
  return { ask, asked, history };
}

/** The other server, which has applied so much. */
function peer(applied: Place): Binlog {
  const { history } = binlogOf({ 'bin.000001': [] });
  return { ...history, serverId: 2, address: '10.0.0.2:3306', applied: { [SERVER]: applied } };
}

const means = (ask: ReturnType<typeof binlogOf>['ask'], isReadOnly = true) => ({
  dialect,
  ask,
  leftMs: () => 1000,
  isReadOnly,
});

test('only transactions of the server itself count, across files', async () => {
  const { ask, history } = binlogOf({ 'bin.000001': [1, 2, 1], 'bin.000002': [2, 1, 2] });
  const found = await createOwnWrites(SERVER).complete(history, [peer(at('bin.000001', 220))], means(ask));
  expect(found).toMatchObject({
    address: SERVER,
    unknown: '',
    lost: null,
    own: { count: 2, end: at('bin.000002', 320), checked: at('bin.000002', 420) },
  });
});

test('what was searched is not searched again, and a peer that is further ends the search before', async () => {
  const { ask, asked, history } = binlogOf({ 'bin.000001': [2, 2, 2, 2] });
  const writes = createOwnWrites(SERVER);
  await writes.complete(history, [peer(at('bin.000001', 120))], means(ask));
  asked.length = 0;
  await writes.complete(history, [peer(at('bin.000001', 220))], means(ask));
  expect(asked).toEqual(['SHOW BINARY LOGS']);
});

test('a peer that was set back is believed: the search begins anew', async () => {
  const { ask, history } = binlogOf({ 'bin.000001': [1, 2, 2] });
  const writes = createOwnWrites(SERVER);
  expect(await writes.complete(history, [peer(at('bin.000001', 220))], means(ask))).toMatchObject({
    own: { count: 0 },
  });
  expect(await writes.complete(history, [peer(at('bin.000001', 120))], means(ask))).toMatchObject({
    own: { count: 1, end: at('bin.000001', 220) },
  });
});

test('a long log is searched in several looks, and never said to be searched before it is', async () => {
  const { ask, history } = binlogOf({ 'bin.000001': Array.from({ length: 9000 }, () => 2) });
  const writes = createOwnWrites(SERVER);
  const known = [peer(at('bin.000001', 120))];
  const first = await writes.complete(history, known, means(ask));
  expect(first).toMatchObject({ own: { count: 0, checked: at('bin.000001', 120 + 6110 * 100) } });
  const second = await writes.complete(history, known, means(ask));
  expect(second).toMatchObject({ own: { count: 0, checked: history.end } });
});

test('the log of a writable server is not searched: its end is its last write', async () => {
  const { ask, asked, history } = binlogOf({ 'bin.000001': [1, 1] });
  const found = await createOwnWrites(SERVER).complete(
    history,
    [peer(at('bin.000001', 120))],
    means(ask, false),
  );
  expect(found).toMatchObject({ own: { count: null, end: history.end } });
  expect(asked).toEqual(['SHOW BINARY LOGS']);
});

test.each([
  ['lost its end', at('bin.000001', 900), { lost: at('bin.000001', 900), own: { count: 1 } }],
  ['lost its last file', at('bin.000007', 120), { lost: at('bin.000007', 120) }],
  ['was purged', at('bin.000000', 120), { lost: null, own: null }],
  ['got another name', at('mysql-bin.000001', 120), { lost: null, own: null }],
])('a log that %s is told from one that is whole', async (_what, applied, found) => {
  const { ask, history } = binlogOf({ 'bin.000001': [2], 'bin.000002': [1] });
  expect(await createOwnWrites(SERVER).complete(history, [peer(applied)], means(ask))).toMatchObject(found);
});

test('without a peer nothing is claimed', async () => {
  const { ask, history } = binlogOf({ 'bin.000001': [2] });
  const found = await createOwnWrites(SERVER).complete(history, [], means(ask));
  expect(found).toEqual({ ...history, address: SERVER });
});

/** The server's own transactions of ten statements each, as in a log of statements. */
function statementsOf(transactions: number) {
  const { ask: empty, history } = binlogOf({ 'bin.000001': [] });
  const events = Array.from({ length: transactions }, () => [
    'BEGIN',
    ...Array.from({ length: 10 }, () => "use `t`; INSERT INTO x VALUES ('COMMIT')"),
    'COMMIT',
  ]).flat();
  const rows = events.map((Info, index) => ({
    Event_type: 'Query',
    Server_id: '1',
    Pos: String(120 + 100 * index),
    End_log_pos: String(220 + 100 * index),
    Info,
  }));
  const ask = async (statement: { readonly sql: string }): Promise<readonly Row[]> => {
    const [, from, limit] = /FROM (\d+) LIMIT (\d+)/.exec(statement.sql) ?? [];
    if (from === undefined) return empty(statement);
    return rows.filter(({ Pos }) => Number(Pos) >= Number(from)).slice(0, Number(limit));
  };
  return { ask, history: { ...history, end: at('bin.000001', 120 + 100 * events.length) } };
}

test('a transaction of many statements is one, also where a reading ends within it', async () => {
  const { ask, history } = statementsOf(300);
  const found = await createOwnWrites(SERVER).complete(history, [peer(at('bin.000001', 120))], means(ask));
  expect(found).toMatchObject({ own: { count: 300, end: history.end, checked: history.end } });
});

test.each(['SHOW BINARY LOGS', 'SHOW BINLOG EVENTS'])(
  'that %s fails makes the history unknown',
  async (what) => {
    const { ask, history } = binlogOf({ 'bin.000001': [1] });
    const failing = async (statement: { readonly sql: string }): Promise<readonly Row[]> => {
      if (statement.sql.startsWith(what)) throw new ServerError('silent', 'no answer');
      return ask(statement);
    };
    const known = [peer(at('bin.000001', 120))];
    const writes = createOwnWrites(SERVER);
    expect(await writes.complete(history, known, means(failing))).toMatchObject({
      own: null,
      unknown: 'its binary log cannot be read: no answer',
    });
    expect(await writes.complete(history, known, means(ask))).toMatchObject({ own: { count: 1 } });
  },
);
