import { describe, expect, it } from 'vitest';
import { type Account, freeing, locking, setPassword } from '../../../src/mysql/accounts/account.ts';
import { catalogueFor } from '../../../src/mysql/accounts/catalogue.ts';
import { isServersOwn, type OpenSession, sessionsOf, spared } from '../../../src/mysql/accounts/choice.ts';
import { hostMatches, withoutPort } from '../../../src/mysql/accounts/host.ts';
import { isReversed, restore, reverse } from '../../../src/mysql/accounts/reversal.ts';
import { tend } from '../../../src/mysql/accounts/tend.ts';
import type { Row } from '../../../src/mysql/dialects/dialect.ts';
import { mariadb } from '../../../src/mysql/dialects/mariadb.ts';
import { explain } from '../../../src/mysql/reasons.ts';

const HEX = 'B69027D44F6E5EDC07F1AEAD1477967B16F28227';

function account(over: Partial<Account> = {}): Account {
  const rights = { replicates: false, administers: false };
  const login = { plugin: 'mysql_native_password', hash: `*${HEX}`, locked: null };
  return { user: 'app', host: '%', matches: true, ...login, ...rights, ...over };
}

function session(over: Partial<OpenSession> = {}): OpenSession {
  return { id: 7, user: 'app', host: '10.0.21.9', dumps: false, ...over };
}

describe('a password hash', () => {
  it.each([
    ['of a password', `*${HEX}`, `${HEX}*`],
    ['of no password', '', '?'.repeat(41)],
    ['of the old form', '606706156665cd86', `${'~'.repeat(25)}606706156665cd86`],
  ])('%s is reversed as the ancestor does, always 41 characters long, and back', (_what, hash, reversed) => {
    expect(reverse(hash)).toBe(reversed);
    expect(reversed).toHaveLength(41);
    expect(restore(reversed)).toBe(hash);
    expect([isReversed(hash), isReversed(reversed)]).toEqual([false, true]);
  });

  it.each([`*${HEX}`, '', '606706156665cd86', 'invalid', `*${HEX}*`, `${HEX}**`])(
    'that is not reversed is never restored: %s',
    (hash) => {
      expect(restore(hash)).toBeNull();
    },
  );

  it.each([`${HEX}*`, '?'.repeat(41), `${'~'.repeat(25)}606706156665cd86`, 'invalid', `*${HEX.slice(1)}`])(
    'that is reversed already, or of no known form, is never reversed: %s',
    (hash) => {
      expect(reverse(hash)).toBeNull();
    },
  );
});

describe('an account where accounts cannot be locked', () => {
  it('is made unusable by its reversed hash, and nothing is left to do then', () => {
    expect(locking(account(), setPassword)).toEqual({
      possible: true,
      sql: [`SET PASSWORD FOR 'app'@'%' = '${HEX}*'`],
    });
    expect(locking(account({ hash: `${HEX}*` }), setPassword)).toEqual({ possible: true, sql: [] });
  });

  it('is made usable again, whoever reversed its hash', () => {
    expect(freeing(account({ hash: `${HEX}*` }), setPassword)).toEqual({
      possible: true,
      sql: [`SET PASSWORD FOR 'app'@'%' = '*${HEX}'`],
    });
    expect(freeing(account(), setPassword)).toEqual({ possible: true, sql: [] });
  });

  it('is named when it logs in by something else', () => {
    const plan = locking(account({ plugin: 'sha256_password', hash: '' }), setPassword);
    expect(plan).toMatchObject({ possible: false, why: expect.stringContaining('sha256_password') });
    expect(locking(account({ hash: 'invalid' }), setPassword)).toMatchObject({ possible: false });
  });

  it('has its quotes doubled in statements', () => {
    const odd = account({ user: "o'brien\\", host: "x'" });
    expect(locking(odd, setPassword)).toMatchObject({
      sql: [`SET PASSWORD FOR 'o''brien\\'@'x''' = '${HEX}*'`],
    });
  });
});

describe('an account where accounts can be locked', () => {
  it('is locked, and its hash is left alone', () => {
    expect(locking(account({ locked: false }), setPassword)).toMatchObject({
      sql: ["ALTER USER 'app'@'%' ACCOUNT LOCK"],
    });
    expect(locking(account({ locked: true }), setPassword)).toMatchObject({ sql: [] });
  });

  it('is unlocked, and a hash that the ancestor left reversed is put right too', () => {
    expect(freeing(account({ locked: true }), setPassword)).toMatchObject({
      sql: ["ALTER USER 'app'@'%' ACCOUNT UNLOCK"],
    });
    expect(freeing(account({ locked: true, hash: `${HEX}*` }), setPassword)).toMatchObject({
      sql: [`SET PASSWORD FOR 'app'@'%' = '*${HEX}'`, "ALTER USER 'app'@'%' ACCOUNT UNLOCK"],
    });
    const other = account({ locked: false, plugin: 'ed25519', hash: '?'.repeat(41) });
    expect(freeing(other, setPassword)).toMatchObject({ sql: [] });
  });

  it('is recognised by what the server shows, not by its version', () => {
    const mysql = catalogueFor({ ...mariadb, flavour: 'mysql' });
    const common = { User: 'app', Host: '%', matches: '1', plugin: 'mysql_native_password' };
    expect(mysql.toAccount({ ...common, Password: `*${HEX}`, authentication_string: '' })).toMatchObject({
      locked: null,
      hash: `*${HEX}`,
    });
    const newer = mysql.toAccount({ ...common, authentication_string: `${HEX}*`, account_locked: 'Y' });
    expect(newer).toMatchObject({ locked: true, hash: `${HEX}*` });
    // SET PASSWORD takes a password in clear text there.
    expect(freeing(newer, mysql.store)).toMatchObject({
      sql: [
        `ALTER USER 'app'@'%' IDENTIFIED WITH 'mysql_native_password' AS '*${HEX}'`,
        "ALTER USER 'app'@'%' ACCOUNT UNLOCK",
      ],
    });
  });
});

describe('locking the accounts of a server', () => {
  const [one, two] = [
    { User: 'app', Host: '%', matches: '1', account_locked: 'N' },
    { User: 'app2', Host: '%', matches: '1', account_locked: 'N' },
  ];
  const user = { id: '7', user: 'app', host: '10.0.21.9:4711', command: 'Sleep' };

  /** A server with these answers, that becomes writable after some of the questions whether it is. */
  function site(options: { readonly closedFor?: number; readonly refusal?: object } = {}) {
    const done: string[] = [];
    let closedFor = options.closedFor ?? Number.POSITIVE_INFINITY;
    const answer = (sql: string): readonly Row[] => {
      if (sql.includes('mysql.user')) return [one, two];
      if (sql.includes('PROCESSLIST')) return [user];
      if (sql.includes('read_only')) {
        closedFor -= 1;
        return [{ ro: closedFor < 0 ? '0' : '1' }];
      }
      if (options.refusal !== undefined) {
        const attempt = { address: '10.0.21.7:3308', user: 'mmm', doing: 'changing an account', needs: '' };
        throw explain(Object.assign(new Error('refused'), options.refusal), attempt);
      }
      done.push(sql);
      return [];
    };
    const session = {
      id: 1,
      state: 'open' as const,
      ask: async ({ sql }: { sql: string }) => answer(sql),
      end: () => undefined,
    };
    const dialect = { ...mariadb, flavour: 'mysql' as const };
    const blocking = { user: '^app', host: '%' };
    const means = {
      session,
      dialect,
      catalogue: catalogueFor(dialect),
      blocking,
      ownUser: 'mmm',
      leftMs: () => 1000,
    };
    const lock = { usable: false, whileWritable: false, spare: [], endSessions: true, withinMs: 1000 };
    return { done, lock: (over: object = {}) => tend(means, { ...lock, ...over }) };
  }

  const LOCKS = ["ALTER USER 'app'@'%' ACCOUNT LOCK", "ALTER USER 'app2'@'%' ACCOUNT LOCK"];

  it.each([
    [0, []],
    [1, LOCKS.slice(0, 1)],
    [2, LOCKS],
    [3, [...LOCKS, 'KILL CONNECTION 7']],
  ])('stops as soon as the server turns out to be writable: after %i steps', async (closedFor, expected) => {
    const { done, lock } = site({ closedFor });
    expect(await lock()).toMatchObject({ failed: [], exceptions: [] });
    expect(done).toEqual(expected);
  });

  it('goes on while it is writable on purpose, right before it is closed', async () => {
    const { done, lock } = site({ closedFor: 0 });
    await lock({ whileWritable: true, endSessions: false });
    expect(done).toEqual(LOCKS);
  });

  it('that refuses it under super_read_only is never said to need that switched off', async () => {
    const message =
      'The MySQL server is running with the --super-read-only option so it cannot execute this statement';
    const { lock } = site({ refusal: { errno: 1290, sqlState: 'HY000', message } });
    const { failed } = await lock();
    const why =
      'cannot be locked while super_read_only is on; it is done when this server is closed the next time';
    expect(failed).toEqual([`'app'@'%': ${why}`, `'app2'@'%': ${why}`]);
  });
});

describe('an account that matches', () => {
  const own = { user: 'mmm', spare: ['watcher'] };

  it('may be locked when nothing but applications uses it', () => {
    expect(spared(account(), own, [session(), session({ user: 'repl', dumps: true })])).toBeNull();
  });

  it.each([
    ['mmm-agent itself', account({ user: 'mmm' }), []],
    ['mmm-monitor', account({ user: 'watcher' }), []],
    ['REPLICATION SLAVE', account({ replicates: true }), []],
    ['GRANT OPTION', account({ administers: true }), []],
    ['a replica', account(), [session({ dumps: true })]],
  ])('is never locked: %s', (words, one, sessions) => {
    expect(spared(one, own, sessions)).toContain(words);
  });

  it("is left alone altogether when it is the server's own", () => {
    const own = ['mariadb.sys', 'mysql.sys', 'mysql.session'].map((user) => isServersOwn(account({ user })));
    expect([...own, isServersOwn(account({ user: 'mysql' }))]).toEqual([true, true, true, false]);
  });

  it('is the agent itself, or the monitor, by its exact name only', () => {
    expect(spared(account({ user: 'MMM' }), own, [])).toBeNull();
    expect(spared(account({ user: '' }), { ...own, spare: [] }, [])).toBeNull();
  });
});

describe('a session', () => {
  const [everywhere, here, network] = [
    account(),
    account({ host: '10.0.21.9' }),
    account({ host: '10.0.21.%' }),
  ];

  it('belongs to the narrowest account that its host fits', () => {
    const all = [everywhere, here, network];
    expect(sessionsOf([everywhere], all, [session()])).toEqual([]);
    expect(sessionsOf([network], all, [session()])).toEqual([]);
    expect(sessionsOf([here], all, [session()])).toHaveLength(1);
    expect(sessionsOf([network], all, [session({ host: '10.0.21.8' })])).toHaveLength(1);
    expect(sessionsOf([everywhere], all, [session({ host: '10.0.22.8' })])).toHaveLength(1);
  });

  it('that fits no account of its user is ended only when all of them are locked', () => {
    const all = [here, network];
    expect(sessionsOf([here], all, [session({ host: 'app1.internal' })])).toEqual([]);
    expect(sessionsOf(all, all, [session({ host: 'app1.internal' })])).toHaveLength(1);
  });

  it('of another user, or of a replica, is never ended', () => {
    expect(sessionsOf([everywhere], [everywhere], [session({ user: 'dba' })])).toEqual([]);
    expect(sessionsOf([everywhere], [everywhere], [session({ dumps: true })])).toEqual([]);
  });

  it.each([
    ['%', 'anything', true],
    ['', '10.1.1.1', true],
    ['10.0.21._', '10.0.21.7', true],
    ['10.0.21._', '10.0.21.77', false],
    ['10.0.2.%', '10x0x2x7', false],
    ['App.Internal', 'app.internal', true],
    ['10.0.0.0/255.255.0.0', '10.0.200.1', true],
    ['10.0.0.0/255.255.0.0', '10.1.200.1', false],
    ['192.168.0.0/255.255.255.0', 'localhost', false],
  ])('host %s takes %s: %s', (host, from, expected) => {
    expect(hostMatches(host, from)).toBe(expected);
  });

  it('has its port taken off', () => {
    expect(['10.0.0.1:4711', 'localhost', '::1:4711'].map(withoutPort)).toEqual([
      '10.0.0.1',
      'localhost',
      '::1',
    ]);
  });
});
