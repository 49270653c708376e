import { expect, test } from 'vitest';
import type { Row } from '../../../src/mysql/dialects/dialect.ts';
import { mysqlLogs } from '../../../src/mysql/dialects/mysql-logs.ts';
import { isOnlyTorn } from '../../../src/mysql/relay-rest.ts';

const logs = { ...mysqlLogs(), relayRest: () => [] };
const begin: Row = { Event_type: 'Query', Info: 'BEGIN' };
const rows: Row = { Event_type: 'Write_rows', Info: 'table_id: 70' };
const commit: Row = { Event_type: 'Xid', Info: 'COMMIT /* xid=9 */' };
const rotate = (to: string): Row => ({ Event_type: 'Rotate', Info: `${to};pos=4` });

function judge(files: Readonly<Record<string, readonly Row[]>>, isIdle = false): Promise<boolean> {
  const ask = async ({ sql }: { readonly sql: string }): Promise<readonly Row[]> => {
    const [, file = '', from = '0', limit = '0'] = /IN '(.*)' FROM (\d+) LIMIT (\d+)/.exec(sql) ?? [];
    const there = (files[file] ?? []).map((row, index) => ({
      ...row,
      Pos: String((file === 'relay.000002' ? 400 : 4) + index),
    }));
    return there.filter(({ Pos }) => Number(Pos) >= Number(from)).slice(0, Number(limit));
  };
  return isOnlyTorn({ from: { file: 'relay.000002', pos: 400 }, isIdle }, logs, ask, () => 1000);
}

const many = (count: number): readonly Row[] => Array.from({ length: count }, () => rows);

test.each([
  ['nothing', { 'relay.000002': [] }, true],
  ['the beginning of a transaction', { 'relay.000002': [begin, rows] }, true],
  ['a whole transaction', { 'relay.000002': [begin, rows, commit] }, false],
  ['the source going on in another file', { 'relay.000002': [rotate('bin.000007')] }, true],
  [
    'a whole transaction in the next file',
    {
      'relay.000002': [begin, rotate('./relay.000003')],
      'relay.000003': Array.from({ length: 500 }, () => commit),
    },
    false,
  ],
  [
    'the beginning of one in the next file',
    { 'relay.000002': [rotate('relay.000003')], 'relay.000003': Array.from({ length: 450 }, () => begin) },
    true,
  ],
  ['the beginning of a large transaction', { 'relay.000002': many(1700) }, true],
  ['a large transaction', { 'relay.000002': [...many(1700), commit] }, false],
  ['more than there is time for', { 'relay.000002': many(20_000) }, false],
])('a relay log whose rest is %s is judged rightly', async (_what, files, torn) => {
  expect(await judge(files)).toBe(torn);
});

test('of a transaction that is too large the word of the applying thread is taken', async () => {
  expect(await judge({ 'relay.000002': many(20_000) }, true)).toBe(true);
});
