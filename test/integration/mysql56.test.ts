import { afterEach, describe, expect, test } from 'vitest';
import { extras, obstacles } from '../../src/core/history.ts';
import type { History, Look } from '../../src/core/model.ts';
import { createServer, type ServerOptions } from '../../src/mysql/server.ts';
import type { Server } from '../../src/ports.ts';
import type { DbPair, DbServer } from '../support/db-server.ts';
import { eventually } from '../support/eventually.ts';
import { accounts } from '../support/mariadb-template.ts';
import { startMysqlPair } from '../support/mysql56.ts';
import { mysql56 } from '../support/mysql56-program.ts';
import { MYSQL56_GRANTS } from '../support/mysql56-template.ts';

const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function pairOf(options: {
  readonly gtid: boolean;
  readonly args?: readonly string[];
}): Promise<DbPair> {
  const pair = await startMysqlPair(options);
  ends.push(() => pair.dispose());
  return pair;
}

function adapter(server: DbServer, more: Partial<ServerOptions> = {}): Server {
  const made = createServer({
    address: server.address,
    ...accounts.mmm,
    database: 'information_schema',
    charset: 'utf8',
    connectTimeoutMs: 1000,
    excludeUsers: [],
    ...more,
  });
  ends.push(() => made.end());
  return made;
}

async function write(server: DbServer, ...values: readonly string[]): Promise<void> {
  for (const value of values) await server.admin(`INSERT INTO t.x (v) VALUES ('${value}')`);
}

/** Both servers, each told what the other one held last. */
async function lookBoth(a: Server, b: Server): Promise<readonly [Look, Look]> {
  const first = await a.look(1000);
  const second = await b.look(1000, [first.history]);
  return [await a.look(1000, [second.history]), second];
}

function asBinlog(history: History): Extract<History, { kind: 'binlog' }> {
  if (history.kind !== 'binlog') throw new Error(`the history is of kind ${history.kind}`);
  return history;
}

describe.skipIf((await mysql56()) === null)('MySQL 5.6 without GTID', () => {
  test.for([
    ['on', []],
    ['off', ['--skip-log-slave-updates']],
  ] as const)('log_slave_updates %s: knows what a server wrote itself', async ([, args]) => {
    const { a, b } = await pairOf({ gtid: false, args });
    const [one, other] = [adapter(a), adapter(b)];
    await write(a, 'first', 'second');
    await eventually('b holds all and wrote nothing', async () => {
      const [seen, peer] = await lookBoth(one, other);
      return extras(seen.history, peer.history).count === 0 && extras(peer.history, seen.history).count === 0;
    });
    await other.stopReceiving(a.address);
    await write(a, 'only here', 'and this');
    await a.kill9();
    const peer = await other.look(1000);
    await a.start();
    const back = await one.look(1000, [peer.history]);
    expect(back).toMatchObject({ readOnly: true, history: { own: { count: 2 } } });
    expect(extras(back.history, peer.history).count).toBe(2);
    await other.stopLink(a.address);
    await other.startLink(a.address);
    await eventually('b holds it', async () => {
      const [seen, now] = await lookBoth(one, other);
      return extras(seen.history, now.history).count === 0;
    });
    await a.admin('FLUSH LOGS');
    const closed = await one.close({
      gentle: false,
      withinMs: 2000,
      known: [(await other.look(1000)).history],
    });
    expect(extras(closed.history ?? back.history, (await other.look(1000)).history).count).toBe(0);
  });

  test('sees a write by a privileged account on a closed server, and none in what it only applied', async () => {
    const { a, b } = await pairOf({ gtid: false });
    const [one, other] = [adapter(a), adapter(b)];
    await one.look(1000);
    await one.stopLink(b.address);
    await write(a, ...Array.from({ length: 30 }, (_, n) => `row ${n}`));
    await eventually('applied', async () => {
      const [seen, peer] = await lookBoth(one, other);
      return extras(seen.history, peer.history).count === 0 && asBinlog(peer.history).own?.count === 0;
    });
    await write(b, 'errant');
    const [seen, peer] = await lookBoth(one, other);
    expect(extras(peer.history, seen.history).count).toBe(1);
    expect(extras(seen.history, peer.history).count).toBe(0);
  });

  test('says when a binary log lost its end, or does not reach back any more', async () => {
    const { a, b } = await pairOf({ gtid: false });
    const [one, other] = [adapter(a), adapter(b)];
    await write(a, 'row');
    await eventually('received', async () => (await b.admin('SELECT 1 FROM t.x')).length > 0);
    const peer = asBinlog((await other.look(1000)).history);
    const far = { file: peer.applied['1']?.file ?? '', pos: 1_000_000 };
    const ahead = { ...peer, applied: { ...peer.applied, '1': far } };
    await a.kill9();
    await a.start();
    const short = (await one.look(1000, [ahead])).history;
    expect(asBinlog(short).lost).toEqual(far);
    expect(extras(ahead, short).list).toContain('lost the end of its binary log');
    expect(obstacles(short, ahead)).toMatchObject({ lost: true });

    await a.admin('FLUSH LOGS');
    const files = await a.admin('SHOW BINARY LOGS');
    await a.admin(`PURGE BINARY LOGS TO '${files.at(-1)?.Log_name}'`);
    const purged = (await one.look(1000, [peer])).history;
    expect(extras(purged, peer).list).toContain('does not reach back');
  });
});

describe.skipIf((await mysql56()) === null).each([
  ['with GTID', true],
  ['by file and position', false],
] as const)('MySQL 5.6 %s', (_how, gtid) => {
  test('a transaction of which only the beginning was received keeps nobody waiting', async () => {
    const { a, b } = await pairOf({
      gtid,
      args: ['--max-allowed-packet=64M', '--binlog-row-event-max-size=4096'],
    });
    const [one, other] = [adapter(a), adapter(b)];
    await one.look(1000);
    await a.admin('CREATE TABLE t.big (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT) ENGINE=InnoDB');
    await a.admin(`INSERT INTO t.big (v) VALUES (REPEAT('x', 100000))`);
    for (let doubled = 0; doubled < 8; doubled += 1)
      await a.admin('INSERT INTO t.big (v) SELECT v FROM t.big');
    await eventually('b holds all', async () => (await other.look(1000)).links[0]?.drained === true);
    const before = await b.admin('SELECT COUNT(*) AS n FROM t.big');
    let torn = false;
    for (let attempt = 0; attempt < 3 && !torn; attempt += 1) {
      if (attempt > 0) {
        await a.start();
        await a.admin('SET GLOBAL read_only=0');
        await other.startLink(a.address);
      }
      const large = a.admin('INSERT INTO t.big (v) SELECT v FROM t.big LIMIT 200').catch(() => undefined);
      await eventually(
        'it comes in',
        async () => {
          const [link] = await b.admin('SHOW SLAVE STATUS');
          return link?.Read_Master_Log_Pos !== link?.Exec_Master_Log_Pos;
        },
        undefined,
        { everyMs: 1 },
      );
      await a.kill9();
      await large;
      await other.stopReceiving(a.address);
      await eventually(
        'b has applied what it can',
        async () => (await other.look(1000)).links[0]?.drained === true,
      );
      const [link] = await b.admin('SHOW SLAVE STATUS');
      torn = link?.Read_Master_Log_Pos !== link?.Exec_Master_Log_Pos;
      await other.stopLink(a.address);
    }
    console.log(`${_how}: the relay log ended ${torn ? 'within' : 'with'} a transaction`);
    await a.start();
    await other.startLink(a.address);
    const held = await a.admin('SELECT COUNT(*) AS n FROM t.big');
    expect(Number(held[0]?.n)).toBeGreaterThanOrEqual(Number(before[0]?.n));
    await eventually('b has all of it', async () => {
      const [row] = await b.admin('SELECT COUNT(*) AS n FROM t.big');
      return Number(row?.n) === Number(held[0]?.n);
    });
    expect((await other.look(1000)).links).toMatchObject([{ sql: 'yes', sqlError: '', ioError: '' }]);
  });

  test('in a log of statements too, only the beginning of a transaction keeps nobody waiting', async () => {
    const { a, b } = await pairOf({ gtid, args: ['--max-allowed-packet=64M', '--binlog-format=STATEMENT'] });
    const [one, other] = [adapter(a), adapter(b)];
    await a.admin('CREATE TABLE t.big (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT) ENGINE=InnoDB');
    const writer = await a.session();
    const large = async (): Promise<void> => {
      await writer.query('BEGIN');
      for (let n = 0; n < 30; n += 1)
        await writer.query(`INSERT INTO t.big (v) VALUES ('${'x'.repeat(700_000)}')`);
      await writer.query('COMMIT');
    };
    const status = async () => (await b.admin('SHOW SLAVE STATUS'))[0] ?? {};
    const isBehind = async () => {
      const { Read_Master_Log_Pos: read, Exec_Master_Log_Pos: run } = await status();
      return read !== run;
    };
    await eventually('b holds all', async () => (await other.look(1000)).links[0]?.drained === true);
    let torn = false;
    for (let attempt = 0; attempt < 4 && !torn; attempt += 1) {
      const written = large();
      await eventually('it comes in', isBehind, undefined, { everyMs: 1 });
      await other.stopReceiving(a.address);
      await written;
      await eventually('b has applied what it can', async () => {
        const start = performance.now();
        const [link] = (await other.look(1000)).links;
        const took = performance.now() - start;
        if (link?.drained === true) console.log(`drained is said after ${Math.round(took)} ms of looking`);
        return link?.drained === true;
      });
      torn = await isBehind();
      await other.stopLink(a.address);
      await other.startLink(a.address);
    }
    console.log(`statements: the relay log ended ${torn ? 'within' : 'with'} a transaction`);
    await eventually('b has all of it', async () => {
      const [held] = await a.admin('SELECT COUNT(*) AS n FROM t.big');
      const [has] = await b.admin('SELECT COUNT(*) AS n FROM t.big');
      return has?.n === held?.n;
    });
    expect((await other.look(1000)).links).toMatchObject([{ sql: 'yes', sqlError: '', ioError: '' }]);
    if (!gtid) {
      const before = (await other.look(1000)).history;
      await other.stopLink(a.address);
      await large();
      await large();
      await a.admin('SET GLOBAL read_only=1');
      // Some megabytes of it are read in each look.
      const all = await eventually('all is searched', async () => {
        const { own, end } = asBinlog((await one.look(1000, [before])).history);
        return own?.checked.pos === end.pos && own;
      });
      expect(all).toMatchObject({ count: 2 });
    }
    writer.end();
  });

  test('what was received stays where a link is started again', async () => {
    const { a, b } = await pairOf({ gtid });
    const other = adapter(b);
    await b.admin('STOP SLAVE SQL_THREAD');
    await write(a, 'one', 'two');
    await eventually('received', async () => {
      const [link] = await b.admin('SHOW SLAVE STATUS');
      const [end] = await a.admin('SHOW MASTER STATUS');
      return link?.Read_Master_Log_Pos === end?.Position;
    });
    await a.kill9();
    await other.stopLink(a.address);
    await other.startLink(a.address);
    await eventually('applied', async () => (await b.admin('SELECT v FROM t.x')).length === 2);
  });

  test('names the GRANT when a privilege is missing', async () => {
    const { a, b } = await pairOf({ gtid });
    const missing = [
      ['PROCESS', (server: Server) => server.look(1000)],
      ['REPLICATION CLIENT', (server: Server) => server.look(1000)],
      ['SUPER', (server: Server) => server.close({ gentle: false, withinMs: 500 })],
      ['SUPER', (server: Server) => server.stopLink(b.address)],
      ['REPLICATION SLAVE', (server: Server) => server.look(1000)],
    ] as const;
    await write(a, 'row');
    await adapter(b).stopLink(a.address);
    await write(a, 'another');
    for (const [grant, act] of missing) {
      // SUPER alone would do for looking at replication too.
      const without = grant === 'REPLICATION CLIENT' ? [grant, 'SUPER'] : [grant];
      const others = MYSQL56_GRANTS.split(', ').filter((one) => !without.includes(one));
      await a.admin(`SET GLOBAL read_only=${grant === 'REPLICATION SLAVE' ? 1 : 0}`);
      await a.admin("GRANT USAGE ON *.* TO part@'%' IDENTIFIED BY 'part-secret'");
      await a.admin("REVOKE ALL ON *.* FROM part@'%'");
      await a.admin(`GRANT ${others.join(', ')} ON *.* TO part@'%'`);
      await expect(act(adapter(a, { user: 'part', password: 'part-secret' }))).rejects.toMatchObject({
        trouble: 'faulty',
        message: expect.stringContaining(`GRANT ${grant} ON *.* TO 'part'@`),
      });
    }
  });
});
