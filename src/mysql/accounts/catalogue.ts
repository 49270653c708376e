/** Where servers keep their accounts: pure SQL text, and rows -> accounts. */
import type { Dialect, Row } from '../dialects/dialect.ts';
import { type Account, type StoreHash, setPassword } from './account.ts';
import { pattern, quotedAccount, quotedText } from './quote.ts';

/** `block_user` and `block_host`: regular expressions, evaluated by the server. */
export interface Blocking {
  readonly user: string;
  readonly host: string;
}

export interface Catalogue {
  /** Every account whose user name matches; roles are no accounts. */
  list(blocking: Blocking): string;
  toAccount(row: Row): Account;
  readonly store: StoreHash;
  /** What our own account needs, as GRANT wants it: privileges and where. */
  readonly grants: readonly string[];
}

export function catalogueFor(dialect: Dialect): Catalogue {
  return dialect.flavour === 'mariadb' ? mariadb : mysql;
}

const GRANT_OPTION = 1024;
const REPLICATION_SLAVE = 524_288;

/** From 10.4 on. `mysql.user` is a view there, and does not say who is locked. */
const mariadb: Catalogue = {
  list: ({ user, host }) =>
    `SELECT g.User AS user, g.Host AS host, g.Host REGEXP ${pattern(host)} AS matches,` +
    " COALESCE(JSON_VALUE(g.Priv, '$.account_locked'), '0') AS locked," +
    " COALESCE(JSON_VALUE(g.Priv, '$.plugin'), '') AS plugin," +
    " COALESCE(JSON_VALUE(g.Priv, '$.authentication_string'), '') AS hash," +
    ` ${holds(REPLICATION_SLAVE)} AS replicates, ${holds(GRANT_OPTION)} AS administers` +
    ` FROM mysql.global_priv g WHERE g.User REGEXP ${pattern(user)}` +
    " AND COALESCE(JSON_VALUE(g.Priv, '$.is_role'), '0') NOT IN ('1', 'true')",
  toAccount: (row) => ({
    user: row.user ?? '',
    host: row.host ?? '',
    matches: row.matches === '1',
    locked: row.locked === '1' || row.locked === 'true',
    plugin: row.plugin ?? '',
    hash: row.hash ?? '',
    replicates: row.replicates === '1',
    administers: row.administers === '1',
  }),
  store: (account, hash) =>
    `ALTER USER ${quotedAccount(account)} IDENTIFIED VIA mysql_native_password USING ${quotedText(hash)}`,
  grants: ['BINLOG ADMIN, CREATE USER ON *.*', 'SELECT ON mysql.*'],
};

/** Also by a role that was granted to it. */
function holds(privilege: number): string {
  const bit = (alias: string) => `JSON_VALUE(${alias}.Priv, '$.access') & ${privilege} <> 0`;
  return (
    `(${bit('g')} OR EXISTS (SELECT 1 FROM mysql.roles_mapping m JOIN mysql.global_priv r` +
    ` ON r.User = m.Role AND r.Host = '' WHERE m.User = g.User AND m.Host = g.Host AND ${bit('r')}))`
  );
}

/** Every column: which of them are there tells what the server can do. */
const mysql: Catalogue = {
  list: ({ user, host }) =>
    `SELECT u.Host REGEXP ${pattern(host)} AS matches, u.* FROM mysql.user u WHERE u.User REGEXP ${pattern(user)}`,
  toAccount: (row) => ({
    user: row.User ?? '',
    host: row.Host ?? '',
    matches: row.matches === '1',
    locked: row.account_locked === undefined ? null : row.account_locked === 'Y',
    plugin: row.plugin ?? '',
    hash: row.Password ?? row.authentication_string ?? '',
    replicates: row.Repl_slave_priv === 'Y',
    administers: row.Grant_priv === 'Y',
  }),
  // Servers that can lock accounts take `SET PASSWORD` for a password in clear text.
  store: (account, hash) =>
    account.locked === null
      ? setPassword(account, hash)
      : `ALTER USER ${quotedAccount(account)} IDENTIFIED WITH 'mysql_native_password' AS ${quotedText(hash)}`,
  // What locking needs besides (CREATE USER) the server names itself.
  grants: ['SUPER ON *.*', 'SELECT, UPDATE ON mysql.*'],
};
