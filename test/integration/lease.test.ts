import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { takeLock } from '../../src/mysql/lock.ts';
import { recognise } from '../../src/mysql/recognise.ts';
import { createServer, type ServerOptions } from '../../src/mysql/server.ts';
import { openSession } from '../../src/mysql/session.ts';
import type { Server } from '../../src/ports.ts';
import { type ArmedProcesses, armedProcesses } from '../support/armed-process.ts';
import type { DbPair, DbServer } from '../support/db-server.ts';
import { eventually } from '../support/eventually.ts';
import { startMariaPair } from '../support/mariadb.ts';
import { accounts } from '../support/mariadb-template.ts';
import { startMysqlPair } from '../support/mysql56.ts';
import { mysql56 } from '../support/mysql56-program.ts';
import { LOCK, take } from '../support/promotion-lock.ts';

const DEAD_MEN =
  "SELECT ID, STATE, INFO FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SET GLOBAL %mmm-dead-man%'";

leaseOf('MariaDB', true, () => startMariaPair());
leaseOf('MySQL 5.6', (await mysql56()) !== null, () => startMysqlPair({ gtid: true }));

function leaseOf(name: string, isHere: boolean, startPair: () => Promise<DbPair>): void {
  describe.skipIf(!isHere)(name, () => {
    let pair: DbPair;
    let processes: ArmedProcesses;
    const ends: (() => unknown)[] = [];
    beforeAll(async () => {
      [pair, processes] = await Promise.all([startPair(), armedProcesses()]);
    });
    afterAll(async () => {
      await processes[Symbol.asyncDispose]();
      await pair.dispose();
    });
    afterEach(async () => {
      for (const end of ends.splice(0)) await end();
    });

    const optionsOf = ({ address }: DbServer): ServerOptions => ({
      address,
      ...accounts.mmm,
      database: 'information_schema',
      charset: 'utf8',
      connectTimeoutMs: 1000,
      excludeUsers: [],
    });
    const adapter = (server: DbServer): Server => {
      const made = createServer(optionsOf(server));
      ends.push(() => made.end());
      return made;
    };
    const isOpen = async (server: DbServer): Promise<boolean> =>
      (await server.admin('SELECT @@global.read_only AS ro'))[0]?.ro === 0;

    test('closes itself when the process that armed it is killed, or stopped; the lock is let go of', async () => {
      const victims = [
        [pair.a, 'SIGKILL', 500],
        [pair.b, 'SIGSTOP', 3500],
      ] as const;
      await Promise.all(
        victims.map(async ([server, signal, freeWithinMs]) => {
          await server.admin('SET GLOBAL read_only=0');
          // Longer than a server sleeps without looking after its client.
          const child = await processes.start(optionsOf(server), 6000);
          const start = performance.now();
          const tookMs = (): number => Math.round(performance.now() - start);
          child.signal(signal);
          const watcher = adapter(server);
          await eventually(
            'the lock is free',
            async () => (await watcher.glance(LOCK, 1000)).lockFree,
            undefined,
            { withinMs: freeWithinMs * 10 },
          );
          const freeMs = tookMs();
          expect(await isOpen(server)).toBe(true);
          await eventually('closed', async () => !(await isOpen(server)));
          console.log(
            `${name}, ${signal}: the lock was free after ${freeMs} ms, closed after ${tookMs()} ms`,
          );
          expect(await server.admin(DEAD_MEN)).toEqual([]);
          await child.kill();
        }),
      );
    });

    test('keeps what it is when somebody interrupts the statement that would close it', async () => {
      for (const [before, kill] of [
        [0, 'QUERY'],
        [0, 'CONNECTION'],
        [1, 'QUERY'],
      ] as const) {
        await pair.a.admin('SET GLOBAL read_only=0');
        await adapter(pair.a).arm(60_000);
        const [deadMan] = await pair.a.admin(DEAD_MEN);
        await pair.a.admin(`SET GLOBAL read_only=${before}`);
        await pair.a.admin(`KILL ${kill} ${deadMan?.ID}`);
        await eventually('ended', async () => (await pair.a.admin(DEAD_MEN)).length === 0);
        expect(await isOpen(pair.a)).toBe(before === 0);
      }
    });

    test('has one dead-man at a time, also of an earlier process, and none after closing for certain', async () => {
      await pair.a.admin('SET GLOBAL read_only=0');
      const child = await processes.start(optionsOf(pair.a), 60_000);
      const [old] = await pair.a.admin(DEAD_MEN);
      await child.kill();
      const server = adapter(pair.a);
      await Promise.all([server.arm(50_000), server.arm(50_000), server.arm(50_000)]);
      const present = await eventually(
        'one is left',
        () => pair.a.admin(DEAD_MEN),
        (all) => all.length === 1,
      );
      expect(present).toMatchObject([{ STATE: 'User sleep' }]);
      expect(present[0]?.ID).not.toBe(old?.ID);

      const busy = await pair.a.session();
      ends.push(() => busy.end());
      await busy.query("INSERT INTO x (v) VALUES ('row')");
      const running = busy.query("UPDATE x SET v = 'long' WHERE SLEEP(1) = 0 LIMIT 1").catch(() => undefined);
      expect(await server.close({ gentle: true, withinMs: 300 })).toMatchObject({ closed: false });
      expect(await pair.a.admin(DEAD_MEN)).toEqual(present);
      await running;
      expect(await server.close({ gentle: false, withinMs: 2000 })).toMatchObject({ closed: true });
      await eventually('none is left', async () => (await pair.a.admin(DEAD_MEN)).length === 0);
    });

    test('closes itself behind a statement that runs longer', async () => {
      await pair.a.admin('SET GLOBAL read_only=0');
      const busy = await pair.a.session();
      ends.push(() => busy.end());
      await busy.query("INSERT INTO x (v) VALUES ('row')");
      const running = busy.query("UPDATE x SET v = 'long' WHERE SLEEP(1.5) = 0 LIMIT 1");
      await adapter(pair.a).arm(500);
      await running;
      await eventually('closed', async () => !(await isOpen(pair.a)));
    });

    test('loses the lock with the session that an administrator kills, and opens nothing', async () => {
      await pair.a.admin('SET GLOBAL read_only=1');
      const held = await take(adapter(pair.a));
      const [owner] = await pair.a.admin(`SELECT IS_USED_LOCK('${LOCK}') AS id`);
      const opened = await held.open(async () => {
        await pair.a.admin(`KILL ${owner?.id}`);
        return true;
      });
      expect(opened).toBe(false);
      expect(await held.keep()).toBe(false);
      expect(await isOpen(pair.a)).toBe(false);
    });

    test('opens nothing when it lets go of the lock but lives on', async () => {
      const session = await openSession(optionsOf(pair.a), 1000);
      ends.push(() => session.end());
      const dialect = await recognise(session, pair.a.address, 1000);
      const held = await takeLock(session, dialect, LOCK, () => 1000);
      const opened = await held?.open(async () => {
        await session.ask({ sql: `SELECT RELEASE_LOCK('${LOCK}')`, doing: 'letting go', timeoutMs: 1000 });
        return true;
      });
      expect(opened).toBe(false);
      expect(await isOpen(pair.a)).toBe(false);
    });

    test('is armed again and again without a login', async () => {
      await pair.a.admin('SET GLOBAL read_only=0');
      const server = adapter(pair.a);
      await server.arm(60_000);
      await server.arm(60_000);
      const [{ Value: logins } = {}] = await pair.a.admin("SHOW GLOBAL STATUS LIKE 'Connections'");
      for (let n = 0; n < 20; n += 1) await server.arm(60_000);
      const [{ Value: after } = {}] = await pair.a.admin("SHOW GLOBAL STATUS LIKE 'Connections'");
      expect(Number(after) - Number(logins)).toBe(1);
      await eventually('one', async () => (await pair.a.admin(DEAD_MEN)).length === 1);
      await server.disarm();
      expect(await isOpen(pair.a)).toBe(true);
    });

    test('is glanced at in a millisecond or so', async () => {
      const server = adapter(pair.a);
      const took: number[] = [];
      for (let n = 0; n < 100; n += 1) {
        const start = performance.now();
        expect(await server.glance(LOCK, 1000)).toMatchObject({ lockFree: true });
        took.push(performance.now() - start);
      }
      took.sort((one, two) => one - two);
      const start = performance.now();
      await server.arm(60_000);
      console.log(
        `${name}: a glance: median ${took[50]?.toFixed(2)} ms; arming: ${(performance.now() - start).toFixed(1)} ms`,
      );
      await server.disarm();
    });
  });
}
