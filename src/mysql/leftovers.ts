import type { FoundAccount, FoundServer } from '../core/leave.ts';
import { ServerError } from '../errors.ts';
import { freeing } from './accounts/account.ts';
import { catalogueFor } from './accounts/catalogue.ts';
import { quotedAccount } from './accounts/quote.ts';
import type { Dialect, Row } from './dialects/dialect.ts';
import { createKeeper, type KeeperOptions } from './keeper.ts';
import { createServer } from './server.ts';
import type { Session } from './session.ts';

/** Accounts of the server itself are always locked. */
const SERVERS_OWN = /^(?:mariadb|mysql)\.(?:sys|session|infoschema)$/;

export interface LeftoverOptions extends KeeperOptions {
  /** Accounts of these users are listed, locked or not. */
  readonly users: readonly string[];
  readonly withinMs: number;
}

/** Reads what may be left of us on a server, and changes nothing. Rejects with ServerError. */
export async function readLeftovers(options: LeftoverOptions): Promise<FoundServer> {
  const server = createServer({ ...options, excludeUsers: [] });
  const keeper = createKeeper(options);
  try {
    const look = await server.look(options.withinMs);
    return await keeper.use(options.withinMs, async (session, dialect, leftMs) => {
      const { sql, needs } = dialect.links;
      const rows = await session.ask({ sql, needs, doing: 'looking at replication', timeoutMs: leftMs() });
      const links = rows.map((row) => toLink(row, dialect));
      return { look, links, ...(await readAccounts(session, dialect, options, leftMs)) };
    });
  } finally {
    server.end();
    keeper.end();
  }
}

function toLink(row: Row, dialect: Dialect): FoundServer['links'][number] {
  return { from: dialect.sourceOf(row), starting: dialect.startLink(row).map(({ sql }) => sql) };
}

/** Our account may read them only where `block_user` is used, or where it has the ancestor's privileges. */
async function readAccounts(
  session: Session,
  dialect: Dialect,
  { users }: LeftoverOptions,
  leftMs: () => number,
): Promise<Pick<FoundServer, 'accounts' | 'accountsTrouble'>> {
  const { list, toAccount, store } = catalogueFor(dialect);
  const ask = (sql: string) => session.ask({ sql, doing: 'reading the accounts', timeoutMs: leftMs() });
  try {
    await ask("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'");
    const all = (await ask(list({ user: '^', host: '^' }))).map(toAccount);
    const accounts = all
      .filter(({ user }) => !SERVERS_OWN.test(user))
      .map((account): FoundAccount => {
        const change = freeing(account, store);
        const { user, host } = account;
        return {
          user,
          host,
          freeing: change.possible ? change.sql : [],
          dropping: `DROP USER ${quotedAccount(account)}`,
        };
      })
      .filter(({ user, freeing: due }) => due.length > 0 || users.includes(user));
    return { accounts, accountsTrouble: '' };
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return { accounts: null, accountsTrouble: error.message };
  }
}
