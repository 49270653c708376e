import { expect, test } from 'vitest';
import type { Row } from '../../../src/mysql/dialects/dialect.ts';
import { mysqlLogs } from '../../../src/mysql/dialects/mysql-logs.ts';
import { type Rest, readRest } from '../../../src/mysql/relay-rest.ts';

const logs = {
  ...mysqlLogs({ saysReplica: false }),
  relayRest: () => [],
  restOfStopped: () => null,
  restart: () => [],
};
const begin: Row = { Event_type: 'Query', Info: 'BEGIN' };
const rows: Row = { Event_type: 'Write_rows', Info: 'table_id: 70' };
const commit: Row = { Event_type: 'Xid', Info: 'COMMIT /* xid=9 */' };
const query = (Info: string): Row => ({ Event_type: 'Query', Info });
const insert = query("use `t`; INSERT INTO x (v) VALUES ('COMMIT')");
const gtid: Row = { Event_type: 'Gtid', Info: "SET @@SESSION.GTID_NEXT= 'aa:7'" };
const format: Row = { Event_type: 'Format_desc', Info: 'Server ver: 5.6.24-log, Binlog ver: 4' };
const rotate = (to: string): Row => ({ Event_type: 'Rotate', Info: `${to};pos=4` });

function judge(files: Readonly<Record<string, readonly Row[]>>, asked: string[] = []): Promise<Rest> {
  const ask = async ({ sql }: { readonly sql: string }): Promise<readonly Row[]> => {
    asked.push(sql);
    const [, file = '', from = '0', limit = '0'] = /IN '(.*)' FROM (\d+) LIMIT (\d+)/.exec(sql) ?? [];
    const there = (files[file] ?? []).map((row, index) => ({
      ...row,
      Pos: String((file === 'relay.000002' ? 400 : 4) + index),
    }));
    return there.filter(({ Pos }) => Number(Pos) >= Number(from)).slice(0, Number(limit));
  };
  const rest = { channel: null, from: { file: 'relay.000002', pos: 400 }, isIdle: false };
  return readRest(rest, { logs, ask, leftMs: () => 1000 });
}

const many = (count: number): readonly Row[] => Array.from({ length: count }, () => rows);

test.each<[string, Record<string, readonly Row[]>, Rest]>([
  ['nothing', { 'relay.000002': [] }, 'torn'],
  ['the beginning of a transaction', { 'relay.000002': [begin, rows] }, 'torn'],
  ['a whole transaction', { 'relay.000002': [begin, rows, commit] }, 'whole'],
  ['the source going on in another file', { 'relay.000002': [rotate('bin.000007')] }, 'torn'],
  [
    'a whole transaction in the next file',
    {
      'relay.000002': [begin, rotate('./relay.000003')],
      'relay.000003': Array.from({ length: 500 }, () => commit),
    },
    'whole',
  ],
  [
    'the beginning of one in the next file',
    { 'relay.000002': [rotate('relay.000003')], 'relay.000003': Array.from({ length: 450 }, () => begin) },
    'torn',
  ],
  ['the beginning of a transaction of statements', { 'relay.000002': [gtid, begin, insert, insert] }, 'torn'],
  ['a whole transaction of statements', { 'relay.000002': [gtid, begin, insert, query('COMMIT')] }, 'whole'],
  [
    'a statement that is its own transaction',
    { 'relay.000002': [gtid, query('use `t`; DROP TABLE x')] },
    'whole',
  ],
  [
    'one that follows what was interrupted',
    { 'relay.000002': [begin, insert, format, query('use `t`; DROP TABLE x')] },
    'whole',
  ],
  [
    'the beginning of an XA transaction',
    { 'relay.000002': [query("XA START X'61',X'',1"), insert, query("XA END X'61',X'',1")] },
    'torn',
  ],
  ['the beginning of a large transaction', { 'relay.000002': many(1700) }, 'torn'],
  ['a large transaction', { 'relay.000002': [...many(1700), commit] }, 'whole'],
  ['more than there is time for', { 'relay.000002': many(20_000) }, 'unread'],
])('a relay log whose rest is %s is judged rightly', async (_what, files, found) => {
  expect(await judge(files)).toBe(found);
});

test('large statements are read few at a time', async () => {
  const asked: string[] = [];
  const large = query(`INSERT INTO x (v) VALUES ('${'x'.repeat(1_000_000)}')`);
  const files = { 'relay.000002': [begin, ...Array.from({ length: 30 }, () => large)] };
  expect(await judge(files, asked)).toBe('torn');
  const limits = asked.map((sql) => Number(/LIMIT (\d+)/.exec(sql)?.[1]));
  expect(Math.max(...limits)).toBe(10);
});

test('the relay log of one of several links is asked for by its name', () => {
  const rest = { channel: "a'b", from: { file: 'relay-a.000002', pos: 4 }, isIdle: false };
  expect(logs.relayEvents(rest, rest.from, 9).sql).toBe(
    "SHOW RELAYLOG EVENTS IN 'relay-a.000002' FROM 4 LIMIT 9 FOR CHANNEL 'ab'",
  );
});
