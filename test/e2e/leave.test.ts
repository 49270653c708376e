/** What `mmm-control leave --dry-run` prints, done on a real pair: nothing of ours is left, and it replicates. */
import { expect, test } from 'vitest';
import type { DbServer } from '../support/db-server.ts';
import { eventually } from '../support/eventually.ts';
import { rootSession } from '../support/mariadb-admin.ts';
import { accounts, BLOCK_GRANTS } from '../support/mariadb-template.ts';
import { type Stack, startStack } from '../support/stack.ts';

interface Item {
  readonly place: string;
  readonly where: string;
  readonly what: string;
  readonly undo: readonly string[];
}

test('the list of leave, carried out: nothing is left, and the pair replicates both ways', async () => {
  await using stack = await startStack({ agentKeys: ['block_user=^app$', 'block_host=^%$'] });
  const { a, b } = stack;
  for (const server of [a, b]) {
    for (const grant of [`${BLOCK_GRANTS} ON *.*`, 'SELECT ON mysql.*']) {
      await server.admin(`SET STATEMENT sql_log_bin=0 FOR GRANT ${grant} TO mmm@\`%\``);
    }
    await server.admin('SET STATEMENT sql_log_bin=0 FOR CREATE USER gone@`%` ACCOUNT LOCK');
  }
  const switched = await stack.control('switchover');
  expect(switched.code).toBe(0);
  await stack.stable(b);
  await eventually('the account is locked on the standby', async () => await isLocked(a, 'app'));
  await a.shutdown();
  await eventually(
    'it is away',
    () => stack.topology(),
    (now) => now?.members.some(({ state }) => state === 'offline') === true,
  );
  for (const daemon of stack.daemons) expect((await daemon.term()).code).toBe(0);
  await a.start();

  // As another cluster would have it whose uniqsign begins with ours.
  const foreign = `mysql-${stack.uniqsign}-eu-topology`;
  await stack.redis.client.set(foreign, 'of somebody else');
  expect(await stack.control('leave')).toMatchObject({ code: 2, stdout: '' });
  const text = await stack.control('leave', '--dry-run');
  expect(text).toMatchObject({ code: 0, stderr: '' });
  expect(text.stdout).toContain('Nothing was changed.');
  const items = await list(stack);
  for (const place of ['daemons', 'server', 'redis', 'files']) {
    expect(items.some((item) => item.place === place)).toBe(true);
  }
  expect(paths(items)).toEqual(expect.arrayContaining([stack.files.mmm, stack.haproxy.configFile]));

  for (const server of [a, b]) await undoOn(server, items);
  for (const server of [a, b]) {
    expect([await isLocked(server, 'app'), await isLocked(server, 'gone')]).toEqual([false, true]);
  }
  // Two open servers would be the worst that a list can lead to.
  expect([await isClosed(a), await isClosed(b)]).toEqual([1, 0]);
  const keep = items.filter(({ place, what }) => place === 'redis' && !what.includes('Perl'));
  for (const command of keep.flatMap(({ undo }) => undo)) await redisCli(stack, command);

  const prefix = `mysql-${stack.uniqsign}-`;
  const names = (await stack.redis.client.keys('*')).filter((key) => key !== foreign);
  const checks = [`${a.address}-check`, `${b.address}-check`];
  const ancestors = ['master', 'members', 'mode', 'primaryhost', 'secondaryhost', 'servicemode'];
  expect(names.map((key) => key.replace(prefix, '')).sort()).toEqual([...ancestors, ...checks].sort());
  expect(await stack.redis.client.hgetall(`${prefix}master`)).toEqual({ host: b.address });
  expect(await stack.redis.client.hgetall(`${prefix}mode`)).toEqual({
    active: b.address,
    passive: a.address,
  });
  const theirs = items.find(({ place, what }) => place === 'redis' && what.includes('Perl'));
  for (const command of theirs?.undo ?? []) await redisCli(stack, command);
  expect(await stack.redis.client.keys('*')).toEqual([foreign]);

  for (const server of [a, b]) {
    const [row] = await server.admin(
      `SELECT COUNT(*) AS ours FROM mysql.user WHERE User IN ('mmm', 'verify')`,
    );
    expect(Number(row?.ours)).toBe(0);
  }
  await replicates(b, a, 'one way');
  await b.admin('SET GLOBAL read_only = 1');
  await a.admin('SET GLOBAL read_only = 0');
  await replicates(a, b, 'the other way');

  await Promise.all([a.shutdown(), b.shutdown(), stack.redis.stop()]);
  const blind = await stack.control('leave', '--dry-run');
  expect(blind.code).toBe(1);
  expect(blind.stdout).toContain(`${a.address}: it could not be read`);
  expect(blind.stdout).toContain('look by hand for mysql-*');
  const { unread } = JSON.parse((await stack.control('leave', '--dry-run', '--json')).stdout);
  for (const address of [a.address, b.address, 'Redis at']) {
    expect(unread).toContainEqual(expect.stringContaining(address));
  }
});

async function list(stack: Stack): Promise<readonly Item[]> {
  const { stdout } = await stack.control('leave', '--dry-run', '--json');
  return JSON.parse(stdout).items;
}

function paths(items: readonly Item[]): readonly string[] {
  return items.filter(({ place }) => place === 'files').map(({ where }) => where);
}

async function undoOn(server: DbServer, items: readonly Item[]): Promise<void> {
  const own = items.filter(({ place, where }) => place === 'server' && where === server.address);
  for (const { undo } of own) {
    const session = await rootSession(server.socket);
    try {
      for (const statement of undo) await session.query(statement);
    } finally {
      session.end();
    }
  }
}

async function redisCli(stack: Stack, command: string): Promise<void> {
  const [name = '', ...args] = command.split(' ');
  await stack.redis.client.call(name, ...args);
}

async function isLocked(server: DbServer, user: string): Promise<boolean> {
  const [row] = await server.admin(
    `SELECT JSON_VALUE(Priv, '$.account_locked') AS locked FROM mysql.global_priv WHERE User = '${user}'`,
  );
  return ['1', 'true'].includes(String(row?.locked));
}

async function isClosed(server: DbServer): Promise<unknown> {
  return (await server.admin('SELECT @@read_only AS closed'))[0]?.closed;
}

/** Written by the application, whose account is released. */
async function replicates(from: DbServer, to: DbServer, value: string): Promise<void> {
  expect(await isClosed(from)).toBe(0);
  const session = await from.session(accounts.app);
  await session.query(`INSERT INTO t.x (v) VALUES ('${value}')`);
  session.end();
  await eventually(
    `${to.address} has it`,
    () => to.admin(`SELECT v FROM t.x WHERE v = '${value}'`),
    (rows) => rows.length === 1,
  );
}
