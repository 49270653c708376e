/** `block_user`: the account of the application works on the writer and nowhere else, whatever happens. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, pause } from '../support/eventually.ts';
import type { MariaServer } from '../support/mariadb.ts';
import { rootSession } from '../support/mariadb-admin.ts';
import { accounts, BLOCK_GRANTS } from '../support/mariadb-template.ts';
import { mysql56 } from '../support/mysql56-program.ts';
import { type Stack, startStack } from '../support/stack.ts';

const kinds = [
  { name: 'MariaDB', replication: 'mariadb', grants: [`${BLOCK_GRANTS} ON *.*`, 'SELECT ON mysql.*'] },
  { name: 'MySQL 5.6', replication: 'gtid', grants: ['SELECT, UPDATE ON mysql.*'] },
] as const;
const here = (await mysql56()) === null ? kinds.slice(0, 1) : kinds;

describe.each(here)('with block_user on $name', ({ replication, grants }) => {
  // What does not depend on the server is shown once.
  const once = replication === 'mariadb' ? test : () => undefined;
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ replication, agentKeys: ['block_user=^app$', 'block_host=^%$'] });
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  test('a missing privilege is shown with its GRANT, keeps no switchover up, and is mended while all runs', async () => {
    const { status, control, a, b } = stack;
    const told = await eventually(
      'mmm-status says so',
      async () => status(),
      ({ stdout }) => stdout.includes(`accounts of ${b.address} could not be locked`),
    );
    expect(told.code).toBe(1);
    for (const grant of grants) expect(told.stdout).toContain(`GRANT ${grant} TO 'mmm'@`);
    for (const to of [b, a]) {
      const { code, stdout, stderr } = await control('switchover', '--to', to.address);
      expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
      await stack.healthy();
    }
    const mending = grants.map((grant) => `GRANT ${grant} TO mmm@'%'`);
    for (const server of [a, b]) await quietly(server, mending);
    await eventually(
      'all is well',
      async () => (await status()).code,
      (code) => code === 0,
    );
    await accountsFollow(stack);
  });

  test('a switchover locks the account before the old writer is closed, and frees it after the new one is open', async () => {
    for (const to of [stack.b, stack.a]) {
      const old = stack.other(to);
      const [closed, ...logins] = [watchClosing(old), startLogins(old), startLogins(to)];
      const { code } = await stack.control('switchover', '--to', to.address);
      expect(code).toBe(0);
      await stack.stable(to);
      const closedMs = await closed;
      const [onOld = [], onNew = []] = await Promise.all(logins.map((one) => one.stop()));
      expect(onOld.length).toBeGreaterThan(0);
      // Who came to a closed server must have been let in before it was closed.
      expect(onOld.filter(({ startedMs }) => startedMs > closedMs)).toEqual([]);
      expect(onNew.filter(({ readOnly }) => readOnly)).toEqual([]);
      await accountsFollow(stack);
    }
  });

  test('after a crash the account works on the new writer, and not on the old one when it is back', async () => {
    const dead = await stack.writer();
    const heir = stack.other(dead);
    await dead.kill9();
    await stack.stable(heir);
    expect(await mayLogIn(heir)).toBe(true);
    await dead.start();
    await stack.healthy(60_000);
    await accountsFollow(stack);
  });

  once('an undone switchover gives the account back', async () => {
    const writer = await stack.writer();
    const session = await writer.session();
    const slow = session.query('INSERT INTO t.x (v) SELECT SLEEP(6)').then(
      () => 'done',
      (error: unknown) => String(error),
    );
    const { code } = await stack.control('switchover');
    expect(code).toBe(1);
    await stack.stable(writer);
    expect(await mayLogIn(writer)).toBe(true);
    expect(await slow).toBe('done');
    session.end();
    await accountsFollow(stack);
  });

  test('an agent that is killed in the middle goes on where it stopped', async () => {
    const { agent } = stack;
    const [writer, before] = [await stack.writer(), await stack.topology()];
    const asked = stack.control('switchover');
    await eventually(
      'the handover has begun',
      async () => (await stack.topology())?.generation !== before?.generation,
      undefined,
      { everyMs: 1 },
    );
    await agent.kill9();
    await asked;
    // As if it had died between two accounts, or between a lock and the close.
    await setLocked(writer, true);
    await setLocked(stack.other(writer), false);
    agent.start();
    await agent.ready();
    await stack.stable();
    await accountsFollow(stack);
    await stack.healthy();
  });

  once('without redis nothing is touched', async () => {
    const standby = stack.other(await stack.writer());
    await stack.redis.kill9();
    await setLocked(standby, false);
    for (let n = 0; n < 5; n += 1) {
      await pause(400);
      expect(await mayLogIn(standby)).toBe(true);
    }
    await stack.redis.restart();
    await accountsFollow(stack);
  });

  test('nothing of it was replicated, and both servers hold the same', async () => {
    await stack.healthy();
    for (const server of [stack.a, stack.b]) {
      const events = await binlogOf(server);
      expect(events.filter((text) => /ACCOUNT (?:UN)?LOCK|SET PASSWORD/i.test(text))).toEqual([]);
    }
  });
});

/** Resolves when the account works on the writer and nowhere else. */
async function accountsFollow(stack: Stack): Promise<void> {
  await eventually(
    'the account works on the writer only',
    async () => {
      const writer = await stack.writer();
      return [await mayLogIn(writer), await mayLogIn(stack.other(writer))];
    },
    ([onWriter, elsewhere]) => onWriter === true && elsewhere === false,
  );
}

async function mayLogIn(server: MariaServer): Promise<boolean> {
  const session = await server.session().catch(() => null);
  session?.end();
  return session !== null;
}

interface Login {
  readonly startedMs: number;
  readonly readOnly: boolean;
}

/** The application logs in again and again; tells what it found wherever it was let in. */
function startLogins(server: MariaServer): { stop(): Promise<readonly Login[]> } {
  const logins: Login[] = [];
  let stopped = false;
  const look = async (): Promise<void> => {
    const startedMs = performance.now();
    const session = await server.session().catch(() => null);
    const rows = await session?.query('SELECT @@global.read_only AS closed').catch(() => []);
    session?.end();
    const [row] = rows ?? [];
    if (session !== null) logins.push({ startedMs, readOnly: row?.closed === 1 });
  };
  const done = Promise.all(
    Array.from({ length: 3 }, async () => {
      while (!stopped) {
        await look();
        await pause(1);
      }
    }),
  );
  return {
    stop: async () => {
      stopped = true;
      await done;
      return logins;
    },
  };
}

/** When it was first seen read-only. Whoever looks is cut off with the clients, and looks again. */
async function watchClosing(server: MariaServer): Promise<number> {
  return eventually(
    `${server.address} is closed`,
    async () => {
      const session = await rootSession(server.socket);
      const rows = await session.query('SELECT @@global.read_only AS closed').finally(() => session.end());
      return rows[0]?.closed === 1 ? performance.now() : null;
    },
    (atMs): atMs is number => atMs !== null,
    { everyMs: 1 },
  ) as Promise<number>;
}

/** By hand, as each kind of server does it. */
async function setLocked(server: MariaServer, locked: boolean): Promise<void> {
  if (server.replication === 'mariadb') {
    return quietly(server, [`ALTER USER app@'%' ACCOUNT ${locked ? 'LOCK' : 'UNLOCK'}`]);
  }
  const [row] = await server.admin(`SELECT PASSWORD('${accounts.app.password}') AS hash`);
  const hash = String(row?.hash);
  await quietly(server, [`SET PASSWORD FOR app@'%' = '${locked ? `${hash.slice(1)}*` : hash}'`]);
}

async function quietly(server: MariaServer, statements: readonly string[]): Promise<void> {
  const session = await rootSession(server.socket);
  for (const sql of ['SET sql_log_bin = 0', ...statements]) await session.query(sql);
  session.end();
}

async function binlogOf(server: MariaServer): Promise<readonly string[]> {
  const logs = await server.admin('SHOW BINARY LOGS');
  const events = await Promise.all(
    logs.map((log) => server.admin(`SHOW BINLOG EVENTS IN '${String(log.Log_name)}'`)),
  );
  return events.flat().map((event) => String(event.Info));
}
