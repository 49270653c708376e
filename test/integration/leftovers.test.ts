/** What leave prints of accounts, carried out on real servers by an administrator. */
import { expect, test } from 'vitest';
import { readLeftovers } from '../../src/mysql/leftovers.ts';
import type { DbServer } from '../support/db-server.ts';
import { startMariaPair } from '../support/mariadb.ts';
import { rootSession } from '../support/mariadb-admin.ts';
import { accounts } from '../support/mariadb-template.ts';
import { startMysqlPair } from '../support/mysql56.ts';
import { mysql56 } from '../support/mysql56-program.ts';

const kinds = [
  {
    name: 'MariaDB',
    start: () => startMariaPair({ linked: false }),
    store: (hash: string) =>
      `UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.authentication_string', '${hash}')`,
    lock: 'ALTER USER app4@`%` ACCOUNT LOCK',
  },
  {
    name: 'MySQL 5.6',
    start: () => startMysqlPair({ gtid: true, linked: false }),
    store: (hash: string) => `UPDATE mysql.user SET Password = '${hash}'`,
    lock: `UPDATE mysql.user SET Password = REPEAT('?', 41) WHERE User = 'app4'`,
  },
];
const here = (await mysql56()) === null ? kinds.slice(0, 1) : kinds;

/** Of the password `one`, turned around; the others have none, and one of the old form. */
const REVERSED = {
  app1: '4AD47E08DAE2BD4F0977EED5D23DC901359DF617*',
  app2: '?'.repeat(41),
  app3: `${'~'.repeat(25)}606706156665cd86`,
};
const RIGHT = { app1: '*4AD47E08DAE2BD4F0977EED5D23DC901359DF617', app2: '', app3: '606706156665cd86' };

test.each(here)('on $name the accounts of block_user are released without their hashes', async (kind) => {
  await using pair = await kind.start();
  const server = pair.a;
  for (const user of ['app1', 'app2', 'app3', 'app4']) await server.admin(`CREATE USER ${user}@\`%\``);
  for (const [user, hash] of Object.entries(REVERSED)) {
    await server.admin(`${kind.store(hash)} WHERE User = '${user}'`);
  }
  await server.admin(kind.lock);
  await server.admin('FLUSH PRIVILEGES');

  const found = await accountsOf(server, { user: '^app[123]$', host: '%' });
  expect(found.filter(({ lockedBy }) => lockedBy === 'us').map(({ user }) => user)).toEqual([
    'app1',
    'app2',
    'app3',
  ]);
  expect(found.find(({ user }) => user === 'app4')).toMatchObject({ lockedBy: 'somebody', freeing: [] });
  expect(JSON.stringify(found)).not.toMatch(/[0-9A-Fa-f]{16}/);
  const unclear = await accountsOf(server, 'unknown');
  expect(unclear.flatMap(({ freeing }) => freeing)).toEqual([]);

  const log = await server.admin('SHOW MASTER STATUS');
  const root = await rootSession(server.socket);
  await root.query('SET SESSION sql_log_bin = 0');
  for (const statement of found.flatMap(({ freeing }) => freeing)) await root.query(statement);
  root.end();
  expect(await server.admin('SHOW MASTER STATUS')).toEqual(log);
  for (const [user, hash] of Object.entries(RIGHT)) {
    const [row] = await server.admin(`SELECT Password AS hash FROM mysql.user WHERE User = '${user}'`);
    expect([user, row?.hash]).toEqual([user, hash]);
  }
  (await server.session({ user: 'app2', password: '' })).end();
  expect((await accountsOf(server, { user: '^app', host: '%' })).map(({ user }) => user)).toEqual(['app4']);
});

async function accountsOf(server: DbServer, block: Parameters<typeof readLeftovers>[0]['block']) {
  const { accounts: found } = await readLeftovers({
    address: server.address,
    ...accounts.guard,
    database: 'information_schema',
    charset: 'utf8',
    connectTimeoutMs: 1000,
    users: [],
    block,
    withinMs: 5000,
  });
  return (found ?? [])
    .filter(({ lockedBy }) => lockedBy !== 'nobody')
    .sort((a, b) => (a.user < b.user ? -1 : 1));
}
