/** What a list for people says of an account: statements that free it, and no password hash in them. Pure. */
import type { FoundAccount } from '../core/leave.ts';
import { type Account, freeing } from './accounts/account.ts';
import { quotedAccount, quotedText } from './accounts/quote.ts';
import type { Dialect } from './dialects/dialect.ts';

/** `isOurs`: `block_user` and `block_host` name it; null: they are not known. */
export function leftAccount(
  account: Account,
  isOurs: boolean | null,
  flavour: Dialect['flavour'],
): FoundAccount {
  const { user, host } = account;
  const place = flavour === 'mariadb' ? JSON_PLACE : columnOf(account);
  const change = freeing(account, (_account, hash) => turnBack(account, hash, place));
  const statements = change.possible ? change.sql.flatMap(andReread) : [];
  const whose = isOurs === null ? 'unknown' : isOurs ? 'us' : 'somebody';
  return {
    user,
    host,
    lockedBy: statements.length === 0 ? 'nobody' : whose,
    freeing: isOurs === true ? statements : [],
    dropping: `DROP USER ${quotedAccount(account)}`,
  };
}

/** Where a server keeps the hash. */
interface Place {
  readonly table: string;
  readonly value: string;
  readonly assign: (value: string) => string;
}

/** MariaDB 10.4 and later. */
const JSON_PLACE: Place = {
  table: 'mysql.global_priv',
  value: "JSON_VALUE(Priv, '$.authentication_string')",
  assign: (value) => `Priv = JSON_REPLACE(Priv, '$.authentication_string', ${value})`,
};

/** Servers that can lock accounts have no column `Password` any more. */
function columnOf({ locked }: Account): Place {
  const column = locked === null ? 'Password' : 'authentication_string';
  return { table: 'mysql.user', value: column, assign: (value) => `${column} = ${value}` };
}

/** `hash` as it will be: only its form is used. The server turns around what it has itself. */
function turnBack({ user, host }: Account, hash: string, { table, value, assign }: Place): string {
  const [wished, reversed] = turned(hash, value);
  const account = `User = ${quotedText(user)} AND Host = ${quotedText(host)}`;
  return `UPDATE ${table} SET ${assign(wished)} WHERE ${account} AND ${reversed}`;
}

/** The right value, and the condition that it is reversed still. */
function turned(hash: string, value: string): readonly [string, string] {
  if (hash === '') return ["''", `${value} = REPEAT('?', 41)`];
  if (hash.startsWith('*')) {
    return [`CONCAT('*', LEFT(${value}, 40))`, `${value} REGEXP '^[0-9A-Fa-f]{40}[*]$'`];
  }
  return [`RIGHT(${value}, 16)`, `${value} REGEXP '^[~]{25}[0-9A-Fa-f]{16}$'`];
}

/** A server does not look into its tables by itself. */
function andReread(sql: string): readonly string[] {
  return sql.startsWith('UPDATE ') ? [sql, 'FLUSH PRIVILEGES'] : [sql];
}
