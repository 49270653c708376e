import { expect, test } from 'vitest';
import { ServerError } from '../../../src/errors.ts';
import type { Row } from '../../../src/mysql/dialects/dialect.ts';
import { mysql } from '../../../src/mysql/dialects/mysql.ts';
import { restartIfTorn } from '../../../src/mysql/links.ts';
import type { Session } from '../../../src/mysql/session.ts';

const dialect = mysql({
  variables: new Set(['gtid_mode']),
  saysReplica: false,
  saysBinaryLog: false,
  seesHeartbeats: false,
});
const stopped: Row = {
  Slave_IO_Running: 'No',
  Slave_SQL_Running: 'No',
  Auto_Position: '1',
  Master_Log_File: 'bin.000001',
  Relay_Master_Log_File: 'bin.000001',
  Read_Master_Log_Pos: '900',
  Exec_Master_Log_Pos: '120',
  Relay_Log_File: 'relay.000002',
  Relay_Log_Pos: '400',
};
const begin: Row = { Event_type: 'Query', Info: 'BEGIN' };
const commit: Row = { Event_type: 'Xid', Info: 'COMMIT /* xid=9 */' };
const CHANGE = 'CHANGE MASTER TO MASTER_AUTO_POSITION = 1';

const sessionOf = (ask: Session['ask']): Session => ({ id: 1, state: 'open', ask, end: () => {} });

function serverSaid(errno: number): ServerError {
  const cause = Object.assign(new Error('said no'), { errno, sqlState: 'HY000' });
  return new ServerError('faulty', 'said no', { cause });
}

/** What is done to a link whose relay log goes on so; it is refused with `errno`. */
async function restarted(link: Row, relayLog: readonly Row[] | null, errno = 0): Promise<readonly string[]> {
  const done: string[] = [];
  const session = sessionOf(async ({ sql }) => {
    done.push(sql);
    if (errno !== 0) throw serverSaid(errno);
    return [];
  });
  await restartIfTorn(dialect, link, session, async () =>
    sessionOf(async () => {
      if (relayLog === null) throw serverSaid(1227);
      return relayLog;
    }),
  );
  return done;
}

test('the beginning of a transaction is sent anew', async () => {
  expect(await restarted(stopped, [begin])).toEqual([CHANGE]);
});

test.each<[string, Row, readonly Row[] | null]>([
  ['holds a whole transaction', stopped, [begin, commit]],
  ['holds a whole one and the beginning of another', stopped, [begin, commit, begin]],
  ['cannot be read', stopped, null],
  ['is applied', { ...stopped, Read_Master_Log_Pos: '120' }, [begin]],
  ['is being applied', { ...stopped, Slave_SQL_Running: 'Yes' }, [begin]],
])('nothing is thrown away of a relay log that %s', async (_what, link, relayLog) => {
  expect(await restarted(link, relayLog)).toEqual([]);
});

test('where it was applied with gaps, only starting fills them', async () => {
  expect(await restarted(stopped, [begin], 1802)).toEqual([CHANGE]);
  await expect(restarted(stopped, [begin], 1201)).rejects.toThrow('said no');
});
