import { expect, test } from 'vitest';
import { ServerError } from '../../../src/errors.ts';
import type { Row } from '../../../src/mysql/dialects/dialect.ts';
import { mysql } from '../../../src/mysql/dialects/mysql.ts';
import { lookAt } from '../../../src/mysql/look.ts';
import { createOwnWrites } from '../../../src/mysql/own-writes.ts';
import type { Session } from '../../../src/mysql/session.ts';

const dialect = mysql({
  variables: new Set(['gtid_mode']),
  saysReplica: false,
  saysBinaryLog: false,
  seesHeartbeats: false,
});
const IDLE = 'Slave has read all relay log; waiting for the slave I/O thread to update it';
const link: Row = {
  Slave_IO_Running: 'No',
  Slave_SQL_Running: 'Yes',
  Slave_SQL_Running_State: IDLE,
  Master_Log_File: 'bin.000001',
  Relay_Master_Log_File: 'bin.000001',
  Read_Master_Log_Pos: '900',
  Exec_Master_Log_Pos: '120',
  Relay_Log_File: 'relay.000002',
  Relay_Log_Pos: '400',
};

function sessionOf(ask: Session['ask']): Session {
  return { id: 1, state: 'open', ask, end: () => {} };
}

/** Looks at a standby whose relay log cannot be read; its link is these, one after another. */
async function isDrained(extra: () => Promise<Session>, ...links: readonly Row[]): Promise<boolean> {
  const left = [...links];
  const session = sessionOf(async ({ sql }) => {
    if (/AS ro/.test(sql)) return [{ ro: '1', gtid_mode: 'ON' }];
    if (sql === 'SHOW SLAVE STATUS') return [left.shift() ?? link];
    return [];
  });
  const look = await lookAt(
    {
      session,
      extra,
      dialect,
      own: { user: 'mmm', excludeUsers: [] },
      ownWrites: createOwnWrites('10.0.0.1:3306'),
      leftMs: () => 1000,
    },
    [],
  );
  return look.links[0]?.drained === true;
}

const unreadable = async (): Promise<Session> =>
  sessionOf(async () => {
    throw new ServerError('faulty', 'Access denied (error 1227)');
  });
const unreachable = async (): Promise<Session> => {
  throw new ServerError('silent', 'no answer within 500 ms');
};

test.each([
  ['may not be read', unreadable],
  ['is not read in time', unreachable],
])('a look at a server whose relay log %s takes the word of the applying thread', async (_what, extra) => {
  expect(await isDrained(extra, link, link)).toBe(true);
});

test.each<[string, readonly Row[]]>([
  ['has work', [{ ...link, Slave_SQL_Running_State: 'Reading event from the relay log' }]],
  [
    'had not been woken yet',
    [link, { ...link, Slave_SQL_Running_State: 'Reading event from the relay log' }],
  ],
  ['has gone on', [link, { ...link, Relay_Log_Pos: '700' }]],
  ['receives again', [link, { ...link, Slave_IO_Running: 'Yes' }]],
])('not when it %s', async (_what, links) => {
  expect(await isDrained(unreadable, ...links)).toBe(false);
});
