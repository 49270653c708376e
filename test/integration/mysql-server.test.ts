import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createServer, type ServerOptions } from '../../src/mysql/server.ts';
import type { Server } from '../../src/ports.ts';
import { eventually } from '../support/eventually.ts';
import { type MariaPair, startMariaPair } from '../support/mariadb.ts';
import type { TestSession } from '../support/mariadb-admin.ts';
import { accounts, MMM_GRANTS } from '../support/mariadb-template.ts';
import { LOCK, opens, take } from '../support/promotion-lock.ts';
import { greeting, type RogueServer, startRogueServer, switchTo } from '../support/rogue-server.ts';

const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function serverAt(address: string, more: Partial<ServerOptions> = {}): Server {
  const server = createServer({
    address,
    ...accounts.mmm,
    database: 'information_schema',
    charset: 'utf8',
    connectTimeoutMs: 1000,
    excludeUsers: [],
    ...more,
  });
  ends.push(() => server.end());
  return server;
}

describe('a MariaDB server', () => {
  let pair: MariaPair;
  beforeAll(async () => {
    pair = await startMariaPair({ args: ['--max-connections=40'] });
  });
  afterAll(() => pair.dispose());
  afterEach(() => pair.a.admin('SET GLOBAL read_only=0'));

  const client = async (who?: { user: string; password: string }): Promise<TestSession> => {
    const session = await pair.a.session(who);
    ends.push(() => session.end());
    return session;
  };

  test('is closed although clients reconnect all the time', async () => {
    let storming = true;
    const storm = async (): Promise<void> => {
      while (storming) {
        const session = await pair.a.session().catch(() => null);
        await session?.query("INSERT INTO x (v) VALUES ('storm')").catch(() => undefined);
        session?.end();
      }
    };
    const storms = Array.from({ length: 8 }, storm);
    const server = serverAt(pair.a.address);
    for (const gentle of [true, false]) {
      await pair.a.admin('SET GLOBAL read_only=0');
      const closed = await server.close({ gentle, withinMs: 2000 });
      expect(closed).toMatchObject({ closed: true, detail: '' });
      const [row] = await pair.a.admin('SELECT @@gtid_binlog_state AS state');
      expect(closed.history).toMatchObject({ state: row?.state });
    }
    storming = false;
    await Promise.all(storms);
  });

  test('loses an open transaction of a session that was idle, and says so to nobody but its client', async () => {
    const session = await client();
    await session.query('START TRANSACTION');
    await session.query("INSERT INTO x (v) VALUES ('never committed')");
    expect(await serverAt(pair.a.address).close({ gentle: true, withinMs: 1000 })).toMatchObject({
      closed: true,
    });
    await expect(session.query('COMMIT')).rejects.toThrow();
    expect(await pair.a.admin("SELECT 1 FROM t.x WHERE v = 'never committed'")).toEqual([]);
  });

  test('stays open, gently, when an idle session holds LOCK TABLES; otherwise that session is ended', async () => {
    const holder = await client();
    await holder.query('LOCK TABLES x WRITE');
    const server = serverAt(pair.a.address);
    const closed = await server.close({ gentle: true, withinMs: 300 });
    expect(closed).toMatchObject({ closed: false, detail: expect.stringContaining('LOCK TABLES') });
    expect(await server.look(1000)).toMatchObject({ readOnly: false });
    expect(await server.close({ gentle: false, withinMs: 1000 })).toMatchObject({ closed: true });
  });

  test('can be armed and closed when every connection is taken', async () => {
    const server = serverAt(pair.a.address);
    await server.look(1000);
    for (const _ of [1, 2]) await server.arm(60_000);
    for (let full = false; !full; ) {
      full = await client().then(
        () => false,
        () => true,
      );
    }
    // The one spare connection that a privileged account is given.
    await client(accounts.mmm).catch(() => undefined);
    await expect(serverAt(pair.a.address).look(1000)).rejects.toMatchObject({
      trouble: 'faulty',
      message: expect.stringContaining('max_connections'),
    });
    expect(await server.look(1000)).toMatchObject({ readOnly: false });
    await server.arm(60_000);
    expect(await server.close({ gentle: false, withinMs: 2000 })).toMatchObject({ closed: true });
  });

  test('counts clients as the ancestor does', async () => {
    const server = serverAt(pair.a.address, { excludeUsers: ['verify'] });
    await eventually(
      'nobody',
      () => server.look(1000),
      (look) => look.clients === 0,
    );
    await client();
    await client(accounts.verify);
    await client(accounts.mmm);
    expect((await server.look(1000)).clients).toBe(1);
    expect((await serverAt(pair.a.address).look(1000)).clients).toBe(2);
  });

  test('refuses to open when the wish arrives late, whatever held it up', async () => {
    const server = serverAt(pair.b.address);
    const lock = await take(server);
    const held = lock.open(async () => {
      pair.b.freeze();
      // The server sleeps over the wish; it finds it when it wakes up.
      setTimeout(() => pair.b.thaw(), 2000);
      return true;
    });
    expect(await held).toBe(false);
    expect(await server.look(1000)).toMatchObject({ readOnly: true });
  });

  test.each([
    ['PROCESS', 'looking', (server: Server) => server.look(1000)],
    ['SLAVE MONITOR', 'looking', (server: Server) => server.look(1000)],
    ['READ_ONLY ADMIN', 'closing', (server: Server) => server.close({ gentle: false, withinMs: 500 })],
    ['CONNECTION ADMIN', 'closing', (server: Server) => server.close({ gentle: false, withinMs: 500 })],
    ['READ_ONLY ADMIN', 'opening', (server: Server) => opens(server)],
    ['READ_ONLY ADMIN', 'arming', (server: Server) => server.arm(60_000)],
    ['REPLICATION SLAVE ADMIN', 'parking', (server: Server) => server.stopLink(pair.b.address)],
  ])('names the GRANT when %s is missing for %s', async (missing, deed, act) => {
    const others = MMM_GRANTS.split(', ').filter((grant) => grant !== missing);
    await pair.a.admin("CREATE OR REPLACE USER part@'%' IDENTIFIED BY 'part-secret'");
    await pair.a.admin(`GRANT ${others.join(', ')} ON *.* TO part@'%'`);
    await pair.a.admin(`SET GLOBAL read_only=${deed === 'opening' ? 1 : 0}`);
    await client();
    const server = serverAt(pair.a.address, { user: 'part', password: 'part-secret' });
    await expect(act(server)).rejects.toMatchObject({
      trouble: 'faulty',
      message: expect.stringContaining(`GRANT ${missing} ON *.* TO 'part'@'%'`),
    });
    // The server looks up what an account may do when it logs in.
    await pair.a.admin(`GRANT ${missing} ON *.* TO part@'%'`);
    await expect(act(server)).resolves.not.toThrow();
  });

  test('spares the sessions of its own account, and of no other that differs by case only', async () => {
    await pair.a.admin("CREATE OR REPLACE USER MMM@'%' IDENTIFIED BY 'other-secret'");
    const [own, other] = [
      await client(accounts.mmm),
      await client({ user: 'MMM', password: 'other-secret' }),
    ];
    const server = serverAt(pair.a.address);
    expect((await server.look(1000)).clients).toBe(1);
    expect(await server.close({ gentle: true, withinMs: 1000 })).toMatchObject({ closed: true });
    await expect(other.query('SELECT 1')).rejects.toThrow();
    expect(await own.query('SELECT 1')).toHaveLength(1);
  });

  test('tells that its connection was killed, and looks again over another one', async () => {
    let lost = 0;
    const onLost = (): void => {
      lost += 1;
    };
    const server = serverAt(pair.a.address, { onLost });
    await server.look(1000);
    await pair.a.admin("KILL USER 'mmm'");
    await eventually('told', () => lost === 1);
    expect(await server.look(1000)).toMatchObject({ readOnly: false });
    server.end();
    expect(lost).toBe(1);
  });

  test('is faulty when the configuration names a charset or a database that is not there', async () => {
    for (const wrong of [{ charset: 'nonsense' }, { database: 'nonsense' }]) {
      await expect(serverAt(pair.a.address, wrong).look(1000)).rejects.toMatchObject({
        trouble: 'faulty',
        message: expect.stringMatching(/charset|database/),
      });
    }
  });

  test('gives back every session that it took', async () => {
    const server = serverAt(pair.a.address);
    const busy = await client();
    const running = busy.query("UPDATE x SET v = 'long' WHERE SLEEP(1) = 0 LIMIT 1").catch(() => undefined);
    await server.close({ gentle: true, withinMs: 200 });
    await server.close({ gentle: false, withinMs: 1000 });
    await running;
    await opens(server);
    await server.glance(LOCK, 1000);
    await server.arm(60_000);
    await server.arm(60_000);
    await server.disarm();
    const mine = "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE USER = 'mmm'";
    await eventually(
      'one for looks and one for glances are left',
      () => pair.a.admin(mine),
      ([row]) => Number(row?.n) === 2,
    );
    server.end();
    await eventually(
      'none is left',
      () => pair.a.admin(mine),
      ([row]) => Number(row?.n) === 0,
    );
  });

  test('is looked at in a few milliseconds', async () => {
    const server = serverAt(pair.a.address);
    const took: number[] = [];
    for (let n = 0; n < 100; n += 1) {
      const start = performance.now();
      await server.look(1000);
      took.push(performance.now() - start);
    }
    took.sort((one, two) => one - two);
    console.log(`a look: median ${took[50]?.toFixed(2)} ms (aim 2)`);
    expect(took[50]).toBeLessThan(20);
  });
});

describe('a link of a MariaDB server', () => {
  test('is found by the address of its source when it has a name', async () => {
    await using pair = await startMariaPair({ linked: false });
    const login = `master_user='${accounts.repl.user}', master_password='${accounts.repl.password}'`;
    const source = `master_host='127.0.0.1', master_port=${pair.a.port}, master_use_gtid=slave_pos`;
    await pair.b.admin(`CHANGE MASTER 'from a''s side' TO ${source}, ${login}`);
    const server = serverAt(pair.b.address);
    await server.startLink(pair.a.address);
    const look = (): ReturnType<Server['look']> => server.look(1000);
    await eventually('linked', look, ({ links }) => links[0]?.io === 'yes');
    await server.stopLink(pair.a.address);
    expect(await look()).toMatchObject({ links: [{ from: pair.a.address, io: 'no', sql: 'no' }] });
  });

  test('is reported as stopping later when a statement being applied holds it up', async () => {
    await using pair = await startMariaPair();
    const server = serverAt(pair.b.address);
    const [holder, writer] = [await pair.b.session(), await pair.a.session()];
    ends.push(
      () => holder.end(),
      () => writer.end(),
    );
    await holder.query('LOCK TABLES x READ');
    await writer.query("INSERT INTO x (v) VALUES ('held up')");
    const look = (): ReturnType<Server['look']> => server.look(1000);
    await eventually('received', look, ({ links }) => links[0]?.drained === false);
    await server.stopReceiving(pair.a.address);
    await expect(server.stopLink(pair.a.address)).rejects.toMatchObject({
      trouble: 'faulty',
      message: expect.stringContaining('the statement being applied'),
    });
    holder.end();
    await eventually('stopped', look, ({ links }) => links[0]?.sql === 'no');
  });
});

describe('something else that listens', () => {
  const rogue = async (behave: Parameters<typeof startRogueServer>[0]): Promise<RogueServer> => {
    const server = await startRogueServer(behave);
    ends.push(() => server.dispose());
    return server;
  };

  test.each([
    ['says nothing', () => undefined],
    ['hangs up', (socket) => socket.end()],
    ['resets', (socket) => socket.resetAndDestroy()],
  ] satisfies [string, Parameters<typeof startRogueServer>[0]][])(
    'is silent when it %s',
    async (_how, behave) => {
      const server = serverAt((await rogue(behave)).address, { connectTimeoutMs: 200 });
      await expect(server.look(200)).rejects.toMatchObject({ trouble: 'silent' });
    },
  );

  test('is refused when it resets and is gone at the second knock', async () => {
    const one = await startRogueServer((socket) => {
      socket.resetAndDestroy();
      void one.dispose();
    });
    await expect(serverAt(one.address).look(500)).rejects.toMatchObject({ trouble: 'refused' });
  });

  test.each([
    ['another protocol', Buffer.from('-ERR unknown command\r\n')],
    ['noise', Buffer.from(Array.from({ length: 400 }, (_, n) => (n * 7919) % 251))],
    ['an empty packet', Buffer.from([0, 0, 0, 0])],
    ['a cut greeting', greeting('mysql_native_password').subarray(0, 30)],
    ['a short error', Buffer.from([1, 0, 0, 0, 0xff])],
  ])('ends nothing but the attempt when it speaks %s', async (_what, bytes) => {
    const server = serverAt((await rogue((socket) => socket.write(bytes))).address, {
      connectTimeoutMs: 200,
    });
    await expect(server.look(200)).rejects.toHaveProperty('name', 'ServerError');
  });

  test.each(['mysql_clear_password', 'sha256_password', 'caching_sha2_password', 'dialog'])(
    'is never sent the password when it asks by %s',
    async (plugin) => {
      const one = await rogue((socket) => {
        socket.write(greeting(plugin));
        socket.once('data', () => socket.write(switchTo(plugin, 2)));
      });
      await expect(serverAt(one.address, { connectTimeoutMs: 300 }).look(300)).rejects.toHaveProperty(
        'name',
        'ServerError',
      );
      expect(one.received().length).toBeGreaterThan(30);
      expect(one.received().includes(accounts.mmm.password)).toBe(false);
    },
  );

  test('is told apart when its name cannot be resolved', async () => {
    await expect(serverAt('no-such-host.invalid:3306').look(3000)).rejects.toMatchObject({
      trouble: 'silent',
      message: expect.stringContaining('no-such-host.invalid:3306'),
    });
  });
});
