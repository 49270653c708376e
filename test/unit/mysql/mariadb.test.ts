import { describe, expect, test } from 'vitest';
import type { Row } from '../../../src/mysql/dialects/dialect.ts';
import { familyOf } from '../../../src/mysql/dialects/index.ts';
import { mariadb } from '../../../src/mysql/dialects/mariadb.ts';

const STATE: Row = {
  ro: '0',
  state: '0-2-30,0-1-31',
  pos: '0-1-31',
  version: '10.11.19-MariaDB-log',
  server_id: '1',
  uptime: '17',
  clients: '3',
};

const LINK: Row = {
  Connection_name: '',
  Master_Host: '10.0.0.2',
  Master_Port: '3306',
  Master_Server_Id: '2',
  Slave_IO_Running: 'Yes',
  Slave_SQL_Running: 'Yes',
  Seconds_Behind_Master: '0',
  Using_Gtid: 'Slave_Pos',
  Gtid_IO_Pos: '0-2-30',
  Slave_heartbeat_period: '0.500',
  Slave_received_heartbeats: '7',
  Master_Log_File: 'bin.000003',
  Read_Master_Log_Pos: '120',
  Relay_Master_Log_File: 'bin.000003',
  Exec_Master_Log_Pos: '120',
  Last_IO_Error: '',
  Last_SQL_Error: '',
};

const link = (row: Row, state: Row = {}) =>
  mariadb.toLook([[{ ...STATE, ...state }], [{ ...LINK, ...row }]]).links[0];

test.each([
  ['10.11.19-MariaDB-0+deb12u1-log', { family: 'mariadb' }],
  ['5.5.5-10.5.1-MariaDB', { family: 'mariadb' }],
  ['12.0.2-MariaDB', { family: 'mariadb' }],
  ['5.6.24-log', { family: 'mysql' }],
  ['8.4.3', { family: 'mysql' }],
  ['9.7.4-2', { family: 'mysql' }],
  ['10.4.34-MariaDB', { refusal: 'this is MariaDB 10.4.34-MariaDB: MariaDB 10.5 or later is needed' }],
  ['5.5.62', { refusal: 'this is MySQL 5.5.62: MySQL 5.6 or later is needed' }],
  ['', { refusal: 'this is MySQL of an unknown version: MySQL 5.6 or later is needed' }],
])('version %j is %j', (version, found) => {
  expect(familyOf(version)).toEqual(found);
});

test.each([
  ['0', false],
  ['OFF', false],
  ['1', true],
  ['ON', true],
  ['NO_LOCK_NO_ADMIN', true],
  [null, true],
])('read_only %j means read-only: %j', (ro, readOnly) => {
  expect(mariadb.toReadOnly([[{ ro }]])).toBe(readOnly);
});

describe('a look', () => {
  test('is taken from the rows as the server spells them', () => {
    expect(mariadb.toLook([[STATE], [LINK]])).toEqual({
      flavour: 'mariadb',
      version: '10.11.19-MariaDB-log',
      serverId: 1,
      uptimeSeconds: 17,
      readOnly: false,
      clients: 3,
      history: { kind: 'mariadb', serverId: 1, state: '0-2-30,0-1-31', received: '' },
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
          heard: '7 bin.000003 120 0-2-30',
          quietMs: 0,
          ioError: '',
          sqlError: '',
        },
      ],
    });
  });

  test('calls lag unknown when a thread is stopped, never zero', () => {
    expect(link({ Slave_IO_Running: 'No', Seconds_Behind_Master: null })).toMatchObject({
      io: 'no',
      lagSeconds: null,
    });
    expect(link({ Slave_IO_Running: 'Preparing' })).toMatchObject({ io: 'connecting' });
    expect(link({ Slave_SQL_Running: 'Connecting' })).toMatchObject({ sql: 'no' });
  });

  test('puts brackets around an IPv6 source', () => {
    expect(link({ Master_Host: 'fd00::2' })?.from).toBe('[fd00::2]:3306');
  });

  test('keeps the statement of a failed event, which holds application data, to itself', () => {
    const error =
      "Error 'Duplicate entry' on query. Default database: 't'. Query: 'insert into x values (\n''secret'')'";
    expect(link({ Last_SQL_Error: error })?.sqlError).not.toContain('secret');
    expect(link({ Last_SQL_Error: error })?.sqlError).toContain('Duplicate entry');
  });
});

describe('a link has applied all it received', () => {
  test.each([
    ['the position has reached it', '0-2-30', { pos: '0-2-30' }, true],
    ['the position is beyond it, by another server', '0-2-30', { pos: '0-1-31' }, true],
    ['the position lacks one', '0-2-30', { pos: '0-2-29', state: '0-2-29' }, false],
    ['numbers are compared, not text', '0-2-100', { pos: '0-2-99', state: '0-2-99' }, false],
    ['one domain of two is behind', '0-2-30,7-2-5', { pos: '0-2-30,7-2-4', state: '' }, false],
    ['a domain has never been applied', '7-2-5', { pos: '0-2-30', state: '' }, false],
    [
      'its own transaction came back around the ring',
      '0-1-31',
      { pos: '0-2-30', state: '0-2-30,0-1-31' },
      true,
    ],
    [
      'an own transaction of the same number hides nothing',
      '0-2-31',
      { pos: '0-2-30', state: '0-2-30,0-1-31' },
      false,
    ],
    ['nothing was received', '', { pos: '' }, true],
  ])('%s', (_case, received, state, drained) => {
    expect(link({ Gtid_IO_Pos: received }, state)?.drained).toBe(drained);
  });

  test('by file and position when it does not replicate by GTID', () => {
    expect(link({ Using_Gtid: 'No' })).toMatchObject({ gtid: false, drained: true });
    expect(link({ Using_Gtid: 'No', Exec_Master_Log_Pos: '119' })).toMatchObject({ drained: false });
  });
});

test('names in statements cannot end their quotes', () => {
  const own = { user: "x' OR '1'='1", excludeUsers: ["b\\'"] };
  for (const { sql } of [
    ...mariadb.look(own),
    mariadb.sessions(own),
    ...(mariadb.killAll === null ? [] : [mariadb.killAll(own)]),
    ...mariadb.stopLink({ Connection_name: "zz'" }),
  ]) {
    expect(sql).not.toMatch(/OR '1'|b\\|zz'/);
  }
});
