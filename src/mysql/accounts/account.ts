/** An account of an application as a server stores it, and which statements make it usable or not. Pure. */
import { quotedAccount, quotedText } from './quote.ts';
import { isReversed, restore, reverse } from './reversal.ts';

export interface Account {
  readonly user: string;
  readonly host: string;
  /** `block_host` matches too; only then it is ever changed. */
  readonly matches: boolean;
  /** null: this server cannot lock accounts. */
  readonly locked: boolean | null;
  /** How it logs in; empty on servers that know only one way. */
  readonly plugin: string;
  readonly hash: string;
  /** Holds REPLICATION SLAVE. */
  readonly replicates: boolean;
  /** Holds GRANT OPTION globally. */
  readonly administers: boolean;
}

/** The statements that are due, none when it is as wished; or why it cannot be done. */
export type Change =
  | { readonly possible: true; readonly sql: readonly string[] }
  | { readonly possible: false; readonly why: string };

/** How a server stores a hash that is given as it is. */
export type StoreHash = (account: Account, hash: string) => string;

export function nameOf({ user, host }: Pick<Account, 'user' | 'host'>): string {
  return `'${user}'@'${host}'`;
}

/** How servers take a hash that cannot lock accounts. */
export function setPassword(account: Account, hash: string): string {
  return `SET PASSWORD FOR ${quotedAccount(account)} = ${quotedText(hash)}`;
}

export function freeing(account: Account, store: StoreHash): Change {
  const hash = hasNativeHash(account) && isReversed(account.hash) ? restore(account.hash) : null;
  const sql = [
    ...(hash === null ? [] : [store(account, hash)]),
    ...(account.locked === true ? [`ALTER USER ${quotedAccount(account)} ACCOUNT UNLOCK`] : []),
  ];
  return { possible: true, sql };
}

export function locking(account: Account, store: StoreHash): Change {
  if (account.locked !== null) {
    const sql = account.locked ? [] : [`ALTER USER ${quotedAccount(account)} ACCOUNT LOCK`];
    return { possible: true, sql };
  }
  if (!hasNativeHash(account)) {
    const why = `the server cannot lock accounts, and logging in by ${account.plugin} leaves no hash to reverse`;
    return { possible: false, why };
  }
  if (isReversed(account.hash)) return { possible: true, sql: [] };
  const hash = reverse(account.hash);
  return hash === null
    ? { possible: false, why: 'the server cannot lock accounts, and its hash is of no known form' }
    : { possible: true, sql: [store(account, hash)] };
}

function hasNativeHash({ plugin }: Account): boolean {
  return ['', 'mysql_native_password', 'mysql_old_password'].includes(plugin);
}
