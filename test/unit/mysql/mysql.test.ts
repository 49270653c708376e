import { describe, expect, test } from 'vitest';
import type { Row } from '../../../src/mysql/dialects/dialect.ts';
import { mysql } from '../../../src/mysql/dialects/mysql.ts';
import { ends } from '../../../src/mysql/transactions.ts';

const old = mysql({
  variables: new Set(['gtid_mode', 'server_uuid']),
  saysReplica: false,
  saysBinaryLog: false,
  seesHeartbeats: false,
});
const modern = mysql({
  variables: new Set(['gtid_mode', 'server_uuid', 'super_read_only']),
  saysReplica: true,
  saysBinaryLog: true,
  seesHeartbeats: true,
});

const STATE: Row = {
  ro: '1',
  server_id: '1',
  version: '5.6.24-log',
  clients: '3',
  gtid_mode: 'ON',
  executed: 'aa:1-5,\nbb:1',
  uuid: 'aa',
};
const LINK: Row = {
  Master_Host: '10.0.0.2',
  Master_Port: '3306',
  Master_Server_Id: '2',
  Slave_IO_Running: 'Yes',
  Slave_SQL_Running: 'Yes',
  Seconds_Behind_Master: '0',
  Auto_Position: '1',
  Master_Log_File: 'bin.000003',
  Read_Master_Log_Pos: '120',
  Relay_Master_Log_File: 'bin.000003',
  Exec_Master_Log_Pos: '120',
  Relay_Log_File: 'relay.000002',
  Relay_Log_Pos: '400',
  Last_IO_Error: '',
  Last_SQL_Error: '',
};
const STATUS: readonly Row[] = [
  { Variable_name: 'Uptime', Value: '17' },
  { Variable_name: 'Slave_heartbeat_period', Value: '0.500' },
  { Variable_name: 'Slave_received_heartbeats', Value: '7' },
];
const OWN: readonly Row[] = [{ File: 'bin.000004', Position: '330' }];

const renamed = (row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name.replace('Slave', 'Replica').replace('Master', 'Source'),
      value,
    ]),
  );

describe('a look at MySQL', () => {
  test('is taken from the rows as 5.6 spells them', () => {
    expect(old.toLook([[STATE], [LINK], STATUS, OWN])).toEqual({
      flavour: 'mysql',
      version: '5.6.24-log',
      serverId: 1,
      uptimeSeconds: 17,
      readOnly: true,
      clients: 3,
      history: { kind: 'mysql', executed: 'aa:1-5,bb:1', uuid: 'aa' },
      links: [
        {
          from: '10.0.0.2:3306',
          fromServerId: 2,
          io: 'yes',
          sql: 'yes',
          lagSeconds: 0,
          drained: true,
          gtid: true,
          heartbeatMs: 500,
          heard: '7 bin.000003 120',
          quietMs: 0,
          ioError: '',
          sqlError: '',
        },
      ],
    });
  });

  test('is the same from the rows as later versions spell them', () => {
    const heartbeats: Row = {
      CHANNEL_NAME: '',
      HEARTBEAT_INTERVAL: '0.500',
      COUNT_RECEIVED_HEARTBEATS: '7',
    };
    const seen = modern.toLook([[STATE], [renamed(LINK)], [STATUS[0] ?? {}], OWN, [heartbeats]]);
    expect(seen).toEqual(old.toLook([[STATE], [LINK], STATUS, OWN]));
  });

  test('without GTID tells places, by the address of a source whose id is not known yet', () => {
    const state = { ...STATE, gtid_mode: 'OFF' };
    const place = { file: 'bin.000003', pos: 120 };
    expect(old.toHistory([[state], [LINK], [], OWN])).toMatchObject({
      kind: 'binlog',
      serverId: 1,
      end: { file: 'bin.000004', pos: 330 },
      own: null,
      applied: { '2': place, '10.0.0.2:3306': place },
    });
    expect(old.toHistory([[state], [{ ...LINK, Master_Server_Id: '0' }], [], OWN])).toMatchObject({
      applied: { '10.0.0.2:3306': place },
    });
    expect(old.toHistory([[state], [], [], []])).toMatchObject({
      unknown: expect.stringContaining('log_bin'),
    });
  });

  test.each([
    ['0', false],
    ['OFF', false],
    ['1', true],
    ['ON', true],
    [null, true],
  ])('read_only %j means read-only: %j', (ro, readOnly) => {
    expect(old.toReadOnly([[{ ro }]])).toBe(readOnly);
  });
});

describe('a link of MySQL', () => {
  const stopped = { ...LINK, Slave_IO_Running: 'No', Slave_SQL_Running: 'No' };
  const words = (dialect: typeof old, row: Row) => dialect.startLink(row).map(({ sql }) => sql);

  test('begins again behind what was applied, when it stands still', () => {
    expect(words(old, { ...stopped, Auto_Position: '0', Read_Master_Log_Pos: '900' })).toEqual([
      "CHANGE MASTER TO MASTER_LOG_FILE = 'bin.000003', MASTER_LOG_POS = 120",
      'START SLAVE',
    ]);
    expect(words(old, stopped)).toEqual(['CHANGE MASTER TO MASTER_AUTO_POSITION = 1', 'START SLAVE']);
    expect(words(modern, renamed({ ...stopped, Channel_Name: "a'b" }))).toEqual([
      "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1 FOR CHANNEL 'ab'",
      "START REPLICA FOR CHANNEL 'ab'",
    ]);
  });

  test('is only started while one of its threads runs', () => {
    expect(words(old, { ...stopped, Slave_SQL_Running: 'Yes' })).toEqual(['START SLAVE']);
  });

  test('has a rest to be looked at only when nothing comes in any more', () => {
    const torn = { ...LINK, Read_Master_Log_Pos: '900' };
    const rest = (row: Row) => old.logs?.relayRest([[STATE], [row], STATUS, OWN]);
    expect(rest(torn)).toEqual([null]);
    expect(rest({ ...torn, Slave_IO_Running: 'No' })).toEqual([
      { from: { file: 'relay.000002', pos: 400 }, isIdle: false },
    ]);
    const idle = {
      ...torn,
      Slave_IO_Running: 'No',
      Slave_SQL_Running_State: 'Slave has read all relay log; waiting',
    };
    expect(rest(idle)?.[0]?.isIdle).toBe(true);
    const parallel = old.logs?.relayRest([[{ ...STATE, workers: '4' }], [idle], STATUS, OWN]);
    expect(parallel?.[0]?.isIdle).toBe(false);
    expect(rest(stopped)).toEqual([null]);
  });
});

test('super_read_only is set where there is one', () => {
  expect(old.setReadOnly).toEqual({ sql: 'SET GLOBAL read_only = 1', needs: 'SUPER' });
  expect(modern.setReadOnly).toEqual({
    sql: 'SET GLOBAL super_read_only = 1',
    needs: 'SYSTEM_VARIABLES_ADMIN',
  });
});

test.each([
  ['Xid', 'COMMIT /* xid=9 */', true],
  ['Query', 'COMMIT', true],
  ['Query', 'BEGIN', false],
  ['Query', 'SAVEPOINT `a`', false],
  ['Query', "use `t`; ALTER TABLE x COMMENT 'BEGIN'", true],
  ['Write_rows', 'table_id: 70 flags: STMT_END_F', false],
  ['Rotate', 'bin.000005;pos=4', false],
  ['Format_desc', 'Server ver: 5.6.24-log, Binlog ver: 4', false],
])('the event %s %j ends a transaction: %j', (type, info, end) => {
  expect(ends({ type, info, serverId: 1, start: 0, end: 0 })).toBe(end);
});
