import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createServer, type ServerOptions } from '../../src/mysql/server.ts';
import type { Server } from '../../src/ports.ts';
import type { DbPair } from '../support/db-server.ts';
import { eventually } from '../support/eventually.ts';
import { startMariaPair } from '../support/mariadb.ts';
import { type TestSession, testSession } from '../support/mariadb-admin.ts';
import { accounts, BLOCK_GRANTS, MMM_GRANTS } from '../support/mariadb-template.ts';
import { startMysqlPair } from '../support/mysql56.ts';
import { mysql56 } from '../support/mysql56-program.ts';
import { MYSQL56_GRANTS } from '../support/mysql56-template.ts';

const kinds = [
  {
    name: 'MariaDB',
    start: () => startMariaPair({ linked: false }),
    /** What the account of the agent needs, and where. */
    grants: [MMM_GRANTS, `${BLOCK_GRANTS} ON *.*`, 'SELECT ON mysql.*'],
    locks: true,
  },
  {
    name: 'MySQL 5.6',
    start: () => startMysqlPair({ gtid: true, linked: false }),
    grants: [MYSQL56_GRANTS, 'SELECT, UPDATE ON mysql.*'],
    locks: false,
  },
];
const here = (await mysql56()) === null ? kinds.filter(({ locks }) => locks) : kinds;

const LOCK = { usable: false, whileWritable: true, spare: ['watcher'], endSessions: true, withinMs: 3000 };
const RELEASE = { ...LOCK, usable: true };

describe.each(here)('accounts of applications on $name', ({ start, locks, grants }) => {
  const ends: (() => unknown)[] = [];
  let pair: DbPair;

  beforeAll(async () => {
    pair = await start();
    for (const sql of [
      'CREATE USER app1@`%` IDENTIFIED BY "one"',
      'CREATE USER app2@`127.0.0.1` IDENTIFIED BY "two"',
      'CREATE USER app3@`%`',
      'CREATE USER app4@`10.9.%` IDENTIFIED BY "four"',
      'CREATE USER other@`%` IDENTIFIED BY "other"',
    ]) {
      await pair.a.admin(sql);
    }
  });
  afterAll(() => pair?.dispose());
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await serverAt().tendAccounts(RELEASE);
    await pair.a.admin('SET GLOBAL read_only = 0');
    for (const end of ends.splice(0)) await end();
  });

  const serverAt = (over: Partial<ServerOptions> = {}): Server => {
    const server = createServer({
      address: pair.a.address,
      ...accounts.guard,
      database: 'information_schema',
      charset: 'utf8',
      connectTimeoutMs: 1000,
      excludeUsers: [],
      blocking: { user: '^app[0-9]$', host: '^(%|127)' },
      ...over,
    });
    ends.push(() => server.end());
    return server;
  };
  const login = async (user: string, password = ''): Promise<TestSession> => {
    const session = await testSession({ host: '127.0.0.1', port: pair.a.port, user, password });
    ends.push(() => session.end());
    return session;
  };
  const hashOf = async (user: string) => {
    const [row] = await pair.a.admin(`SELECT Password AS hash FROM mysql.user WHERE User = '${user}'`);
    return String(row?.hash);
  };
  const isRefused = (user: string, password = '') =>
    login(user, password).then(
      () => false,
      () => true,
    );

  test('are locked with their sessions ended, and released, and nothing of it is in the binary log', async () => {
    const [used, other] = [await login('app1', 'one'), await login('other', 'other')];
    const hashes = await Promise.all(['app1', 'app2', 'app3', 'app4'].map(hashOf));
    const before = await pair.a.admin('SHOW MASTER STATUS');
    const server = serverAt();
    const { changed, ...rest } = await server.tendAccounts(LOCK);
    expect(rest).toEqual({ trouble: '', exceptions: '' });
    expect([...changed].sort()).toEqual(["'app1'@'%'", "'app2'@'127.0.0.1'", "'app3'@'%'"]);
    await eventually('the session is gone', () =>
      used.query('SELECT 1').then(
        () => false,
        () => true,
      ),
    );
    expect(await other.query('SELECT 1')).toHaveLength(1);
    for (const [user, password] of [['app1', 'one'], ['app2', 'two'], ['app3']] as const) {
      expect([user, await isRefused(user, password)]).toEqual([user, true]);
    }
    expect(await server.tendAccounts(LOCK)).toMatchObject({ changed: [] });

    expect((await server.tendAccounts(RELEASE)).changed).toHaveLength(3);
    for (const [user, password] of [['app1', 'one'], ['app2', 'two'], ['app3']] as const) {
      expect([user, await isRefused(user, password)]).toEqual([user, false]);
    }
    expect(await server.tendAccounts(RELEASE)).toMatchObject({ changed: [], trouble: '' });
    expect(await Promise.all(['app1', 'app2', 'app3', 'app4'].map(hashOf))).toEqual(hashes);
    expect(await pair.a.admin('SHOW MASTER STATUS')).toEqual(before);
  });

  test('of a server that somebody else opened since the last look are left alone, with their sessions', async () => {
    const used = await login('app1', 'one');
    const stale = { ...LOCK, whileWritable: false };
    const untouched = { changed: [], trouble: '', exceptions: '' };
    expect(await serverAt().tendAccounts(stale)).toEqual(untouched);
    expect(await isRefused('app1', 'one')).toBe(false);
    // Nothing is left to lock then: only the sessions would be ended.
    await serverAt().tendAccounts({ ...LOCK, endSessions: false });
    expect(await serverAt().tendAccounts(stale)).toEqual(untouched);
    expect(await used.query('SELECT 1')).toHaveLength(1);

    await pair.a.admin('SET GLOBAL read_only = 1');
    expect(await serverAt().tendAccounts(stale)).toEqual(untouched);
    await expect(used.query('SELECT 1')).rejects.toThrow();
  });

  test('are finished one by one by whoever comes after a crash', async () => {
    const lingering = await login('app1', 'one');
    // As after a kill between the first and the second account, and before the sessions were ended.
    await serverAt({ blocking: { user: '^app1$', host: '%' } }).tendAccounts({ ...LOCK, endSessions: false });
    expect(await lingering.query('SELECT 1')).toHaveLength(1);
    const { changed } = await serverAt().tendAccounts(LOCK);
    expect([...changed].sort()).toEqual(["'app2'@'127.0.0.1'", "'app3'@'%'"]);
    await expect(lingering.query('SELECT 1')).rejects.toThrow();
    await serverAt({ blocking: { user: '^app1$', host: '%' } }).tendAccounts(RELEASE);
    expect((await serverAt().tendAccounts(RELEASE)).changed).toHaveLength(2);
    expect(await isRefused('app1', 'one')).toBe(false);
  });

  test('are released when the ancestor left their hash reversed', async () => {
    const hash = await hashOf('app1');
    await pair.a.admin(`SET PASSWORD FOR app1@'%' = '${hash.slice(1)}*'`);
    await pair.a.admin(`SET PASSWORD FOR app3@'%' = '${'?'.repeat(41)}'`);
    expect(await isRefused('app1', 'one')).toBe(true);
    expect(await isRefused('app3')).toBe(true);
    // And locked on top of it by us, as the standby would be after an upgrade.
    expect(await serverAt().tendAccounts(LOCK)).toMatchObject({ trouble: '' });
    const { changed, trouble } = await serverAt().tendAccounts(RELEASE);
    expect({ changed, trouble }).toEqual({ changed: expect.arrayContaining(["'app1'@'%'"]), trouble: '' });
    expect([await isRefused('app1', 'one'), await isRefused('app3')]).toEqual([false, false]);
    expect(await hashOf('app1')).toBe(hash);
  });

  test('that somebody needs at 3 a.m. are spared, and named', async () => {
    await pair.a.admin("CREATE USER watcher@'%' IDENTIFIED BY 'w'");
    await pair.a.admin("GRANT SELECT ON t.* TO dba@'%' IDENTIFIED BY 'd'");
    await pair.a.admin("GRANT PROCESS ON *.* TO dba@'%' WITH GRANT OPTION");
    if (locks) {
      await pair.a.admin('CREATE ROLE dbas');
      await pair.a.admin('GRANT SELECT ON *.* TO dbas WITH GRANT OPTION');
      await pair.a.admin("CREATE USER dba2@'%' IDENTIFIED BY 'd'");
      await pair.a.admin("GRANT dbas TO dba2@'%'");
    }
    const everybody = serverAt({ blocking: { user: '.', host: '^%$' } });
    const { exceptions, trouble, changed } = await everybody.tendAccounts(LOCK);
    expect(trouble).toBe('');
    expect(changed).toContain("'app1'@'%'");
    const named = ["'guard'@'%': mmm-agent", "'watcher'@'%': mmm-monitor", "'repl'@'%': it may replicate"];
    for (const words of [
      ...named,
      "'dba'@'%': it may administer",
      ...(locks ? ["'dba2'@'%': it may"] : []),
    ]) {
      expect(exceptions).toContain(words);
    }
    const spared = [
      [accounts.guard.user, accounts.guard.password],
      [accounts.repl.user, accounts.repl.password],
      ['watcher', 'w'],
      ['dba', 'd'],
    ] as const;
    for (const [user, password] of spared)
      expect([user, await isRefused(user, password)]).toEqual([user, false]);
    await everybody.tendAccounts(RELEASE);
  });

  test('that a missing privilege keeps from being locked do not keep the server from closing; the GRANT is named', async () => {
    for (const missing of grants.slice(1)) {
      await pair.a.admin("GRANT USAGE ON *.* TO part@'%' IDENTIFIED BY 'part-secret'");
      await pair.a.admin("REVOKE ALL PRIVILEGES, GRANT OPTION FROM part@'%'");
      for (const grant of grants.filter((one) => one !== missing)) {
        await pair.a.admin(`GRANT ${grant.includes(' ON ') ? grant : `${grant} ON *.*`} TO part@'%'`);
      }
      const server = serverAt({ user: 'part', password: 'part-secret' });
      const { trouble } = await server.tendAccounts(LOCK);
      expect(trouble).toContain(`accounts of ${pair.a.address} could not be locked: `);
      expect(trouble).toContain(`GRANT ${missing} TO 'part'@'%'`);
      expect(await server.close({ gentle: false, withinMs: 2000 })).toMatchObject({
        closed: true,
        detail: '',
      });
      await pair.a.admin('SET GLOBAL read_only = 0');
    }
  });

  test('cannot be chosen by a bad pattern, which is named', async () => {
    const { trouble } = await serverAt({ blocking: { user: '^app(', host: '%' } }).tendAccounts(LOCK);
    expect(trouble).toContain('correct block_user or block_host');
    const quotes = await serverAt({ blocking: { user: "' OR 1 OR '", host: "\\' OR 1" } }).tendAccounts(LOCK);
    expect(quotes).toEqual({ changed: [], trouble: '', exceptions: '' });
  });

  test('are given up in time when the server makes us wait, and are not locked late', async () => {
    const server = serverAt();
    await server.tendAccounts(RELEASE);
    const holder = await testSession({ socketPath: pair.a.socket, user: 'root' });
    ends.push(() => holder.end());
    await holder.query('FLUSH TABLES WITH READ LOCK');
    const started = performance.now();
    const { trouble, changed } = await server.tendAccounts({ ...LOCK, withinMs: 300 });
    const tookMs = performance.now() - started;
    console.log(`gave up after ${Math.round(tookMs)} ms of 300`);
    expect({ trouble, changed }).toEqual({
      trouble: expect.stringContaining('no answer within'),
      changed: [],
    });
    expect(tookMs).toBeLessThan(3000);
    await eventually('nobody waits for the lock', async () => {
      const waiting = await pair.a.admin(
        "SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = 'guard' AND COMMAND = 'Query'",
      );
      return waiting.length === 0;
    });
    await holder.query('UNLOCK TABLES');
    holder.end();
    expect(await isRefused('app1', 'one')).toBe(false);
    expect(await server.tendAccounts(LOCK)).toMatchObject({ trouble: '' });
    expect(await isRefused('app1', 'one')).toBe(true);
  });

  if (locks)
    test("that are the server's own stay locked for ever", async () => {
      const own = serverAt({ blocking: { user: 'sys', host: '.' } });
      expect(await own.tendAccounts(RELEASE)).toEqual({ changed: [], trouble: '', exceptions: '' });
    });

  if (!locks)
    test('that log in by something else are named, and the others are locked all the same', async () => {
      await pair.a.admin("CREATE USER app5@'%' IDENTIFIED WITH sha256_password");
      const { exceptions, trouble, changed } = await serverAt().tendAccounts(LOCK);
      expect({ trouble, count: changed.length }).toEqual({ trouble: '', count: 3 });
      expect(exceptions).toContain(
        "'app5'@'%': the server cannot lock accounts, and logging in by sha256_password",
      );
      await pair.a.admin("DROP USER app5@'%'");
    });

  test('cost a few milliseconds', async () => {
    const server = serverAt();
    await server.tendAccounts(RELEASE);
    const took = async (how: typeof LOCK) => {
      const start = performance.now();
      await server.tendAccounts(how);
      return performance.now() - start;
    };
    const rounds: (readonly number[])[] = [];
    for (let n = 0; n < 20; n += 1) rounds.push([await took(LOCK), await took(LOCK), await took(RELEASE)]);
    const median = (index: number) =>
      rounds
        .map((round) => round[index] ?? 0)
        .sort((one, two) => one - two)[10]
        ?.toFixed(1);
    console.log(
      `3 accounts, median: lock ${median(0)} ms, nothing to do ${median(1)} ms, release ${median(2)} ms`,
    );
  });
});
