import { expect, it } from 'vitest';
import { createErrantReader, errantOf } from '../../../src/core/errant.ts';
import type { History } from '../../../src/core/model.ts';

const mariadb = (state: string, received: string, serverId: number): History => ({
  kind: 'mariadb',
  state,
  received,
  serverId,
});
const mysql = (executed: string): History => ({ kind: 'mysql', executed, uuid: '' });
const U = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

it('names the ranges of MariaDB, the set of MySQL, and nothing when there is nothing', () => {
  const writer = mariadb('0-2-9', '0-1-3', 2);
  expect(errantOf(mariadb('0-1-5', '', 1), writer)).toEqual({
    kind: 'mariadb',
    ranges: [{ domain: 0, server: 1, first: 4, last: 5 }],
  });
  expect(errantOf(mariadb('0-1-3', '', 1), writer)).toBeNull();
  expect(errantOf(mysql(`${U}:1-9`), mysql(`${U}:1-5`))).toEqual({ kind: 'mysql', set: `${U}:6-9` });
  expect(errantOf(mysql(`${U}:1-9`), writer)).toContain('cannot be compared');
});

it('sums up what MariaDB prints: rows by table, statements by number, and no data', () => {
  const reader = createErrantReader();
  for (const line of MARIADB.split('\n')) reader.read(line);
  expect(reader.transactions()).toEqual([
    {
      id: '0-1-3',
      at: '261120 16:48:43',
      changes: new Map([
        ['INSERT t.x', 2],
        ['DELETE t.y', 1],
      ]),
    },
    { id: '0-1-4', at: '261120 16:48:44', changes: new Map([['statements', 1]]) },
  ]);
});

it('sums up what MySQL prints, with GTIDs and without', () => {
  const named = createErrantReader();
  for (const line of MYSQL.split('\n')) named.read(line);
  expect(named.transactions()).toEqual([
    { id: `${U}:7`, at: '261120 16:50:01', changes: new Map([['UPDATE t.x', 1]]) },
    { id: `${U}:8`, at: '261120 16:50:02', changes: new Map([['statements', 1]]) },
  ]);
  const bare = createErrantReader();
  for (const line of MYSQL.replace(/^SET @@SESSION.GTID_NEXT.*$/gm, '').split('\n')) bare.read(line);
  expect(bare.transactions().map(({ id, changes }) => [id, [...changes]])).toEqual([
    [
      '',
      [
        ['UPDATE t.x', 1],
        ['statements', 1],
      ],
    ],
  ]);
});

const MARIADB = `# at 365
#261120 16:48:43 server id 1  end_log_pos 788 CRC32 0x914c65c2 \tGTID 0-1-3 trans
START TRANSACTION
/*!*/;
#261120 16:48:43 server id 1  end_log_pos 842 CRC32 0xe1992a56 \tAnnotate_rows:
#Q> INSERT INTO x (v) VALUES ('secret')
### INSERT INTO \`t\`.\`x\`
### SET
###   @1=5
### INSERT INTO \`t\`.\`x\`
### DELETE FROM \`t\`.\`y\`
# Number of rows: 1
#261120 16:48:43 server id 1  end_log_pos 958 CRC32 0x448c2c04 \tXid = 18
COMMIT/*!*/;
#261120 16:48:44 server id 1  end_log_pos 1000 CRC32 0x6f7fe206 \tGTID 0-1-4 ddl
#261120 16:48:44 server id 1  end_log_pos 1113 CRC32 0x9c31fed0 \tQuery\tthread_id=11\texec_time=0\terror_code=0
CREATE TABLE y (id int primary key)
/*!*/;`;

const MYSQL = `#261120 16:50:01 server id 1  end_log_pos 231 CRC32 0x1 \tGTID [commit=yes]
SET @@SESSION.GTID_NEXT= '${U}:7'/*!*/;
#261120 16:50:01 server id 1  end_log_pos 300 CRC32 0x1 \tQuery\tthread_id=3\texec_time=0\terror_code=0
BEGIN
/*!*/;
### UPDATE \`t\`.\`x\`
#261120 16:50:01 server id 1  end_log_pos 400 CRC32 0x1 \tXid = 9
COMMIT/*!*/;
#261120 16:50:02 server id 1  end_log_pos 231 CRC32 0x1 \tGTID [commit=yes]
SET @@SESSION.GTID_NEXT= '${U}:8'/*!*/;
#261120 16:50:02 server id 1  end_log_pos 300 CRC32 0x1 \tQuery\tthread_id=3\texec_time=0\terror_code=0
DROP TABLE t.z
/*!*/;`;
