import { describe, expect, test } from 'vitest';
import type { Row } from '../../../src/mysql/dialects/dialect.ts';
import { mysql } from '../../../src/mysql/dialects/mysql.ts';
import { step } from '../../../src/mysql/transactions.ts';

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
    expect(old.toLook([[STATE], [LINK], STATUS, [], OWN])).toEqual({
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
    const seen = modern.toLook([[STATE], [renamed(LINK)], [STATUS[0] ?? {}], [heartbeats], OWN]);
    expect(seen).toEqual(old.toLook([[STATE], [LINK], STATUS, [], OWN]));
  });

  test('without GTID tells places, by the address of a source whose id is not known yet', () => {
    const state = { ...STATE, gtid_mode: 'OFF' };
    const place = { file: 'bin.000003', pos: 120 };
    expect(old.toHistory([[state], [LINK], [], [], OWN])).toMatchObject({
      kind: 'binlog',
      serverId: 1,
      end: { file: 'bin.000004', pos: 330 },
      own: null,
      applied: { '2': place, '10.0.0.2:3306': place },
    });
    expect(old.toHistory([[state], [{ ...LINK, Master_Server_Id: '0' }], [], [], OWN])).toMatchObject({
      applied: { '10.0.0.2:3306': place },
    });
    expect(old.toHistory([[state], [], [], [], []])).toMatchObject({
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
  const anew = (dialect: typeof old, row: Row) => dialect.logs?.restart(row).map(({ sql }) => sql);

  test('begins again behind what was applied', () => {
    expect(anew(old, { ...stopped, Auto_Position: '0', Read_Master_Log_Pos: '900' })).toEqual([
      "CHANGE MASTER TO MASTER_LOG_FILE = 'bin.000003', MASTER_LOG_POS = 120",
    ]);
    expect(anew(old, stopped)).toEqual(['CHANGE MASTER TO MASTER_AUTO_POSITION = 1']);
    const named = renamed({ ...stopped, Channel_Name: "a'b" });
    expect(anew(modern, named)).toEqual([
      "CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1 FOR CHANNEL 'ab'",
    ]);
    expect(modern.startLink(named).map(({ sql }) => sql)).toEqual(["START REPLICA FOR CHANNEL 'ab'"]);
  });

  test.each([
    ['stands still with a rest', {}, true],
    ['still applies', { Slave_SQL_Running: 'Yes' }, false],
    ['still connects', { Slave_IO_Running: 'Connecting' }, false],
    ['has applied all', { Read_Master_Log_Pos: '120' }, false],
  ])('that %s may have to: %j', (_how, row, may) => {
    const rest = old.logs?.restOfStopped({ ...stopped, Read_Master_Log_Pos: '900', ...row });
    expect(rest !== null).toBe(may);
  });

  test('is named in its rest where there are several', () => {
    const one = { ...LINK, Slave_IO_Running: 'No', Read_Master_Log_Pos: '900' };
    const rests = modern.logs?.relayRest([
      [STATE],
      [renamed({ ...one, Channel_Name: '' }), renamed({ ...one, Channel_Name: 'x' })],
    ]);
    expect(rests).toMatchObject([{ channel: '' }, { channel: 'x' }]);
  });

  test('has a rest to be looked at only when nothing comes in any more', () => {
    const torn = { ...LINK, Read_Master_Log_Pos: '900' };
    const rest = (row: Row) => old.logs?.relayRest([[STATE], [row], STATUS, OWN]);
    expect(rest(torn)).toEqual([null]);
    expect(rest({ ...torn, Slave_IO_Running: 'No' })).toEqual([
      { channel: null, from: { file: 'relay.000002', pos: 400 }, isIdle: false },
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
  expect(step('outside', { type, info, serverId: 1, start: 0, end: 0 }).ended).toBe(end);
});

test('how far the binary log reaches is asked only where GTIDs do not tell all', () => {
  expect(old.further([[STATE]])).toBeNull();
  expect(old.further([[{ ...STATE, gtid_mode: 'ON_PERMISSIVE' }]])?.sql).toBe('SHOW MASTER STATUS');
  expect(modern.further([[{ ...STATE, gtid_mode: 'OFF' }]])?.sql).toBe('SHOW BINARY LOG STATUS');
  const all = [...old.look({ user: 'mmm', excludeUsers: [] }), ...old.position];
  expect(all.map(({ sql }) => sql).join()).not.toContain('MASTER STATUS');
});
