import type { FoundServer } from '../core/leave.ts';
import { ServerError } from '../errors.ts';
import { nameOf } from './accounts/account.ts';
import { type Blocking, catalogueFor } from './accounts/catalogue.ts';
import { isServersOwn } from './accounts/choice.ts';
import type { Dialect, Row } from './dialects/dialect.ts';
import { createKeeper, type KeeperOptions } from './keeper.ts';
import { leftAccount } from './left-accounts.ts';
import { createServer } from './server.ts';
import type { Session } from './session.ts';

export interface LeftoverOptions extends KeeperOptions {
  /** Accounts of these users are listed, locked or not. */
  readonly users: readonly string[];
  /** Which accounts the agent locks; `unknown`: its file was not read. */
  readonly block: Blocking | 'none' | 'unknown';
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
  { users, block }: LeftoverOptions,
  leftMs: () => number,
): Promise<Pick<FoundServer, 'accounts' | 'accountsTrouble'>> {
  const { list, toAccount } = catalogueFor(dialect);
  const ask = (sql: string) => session.ask({ sql, doing: 'reading the accounts', timeoutMs: leftMs() });
  try {
    await ask("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'");
    const read = async (blocking: Blocking) => (await ask(list(blocking))).map(toAccount);
    const all = await read({ user: '^', host: '^' });
    const matching = typeof block === 'string' ? [] : (await read(block)).filter(({ matches }) => matches);
    const ours = new Set(matching.map(nameOf));
    const accounts = all
      .filter((account) => !isServersOwn(account))
      .map((account) =>
        leftAccount(account, block === 'unknown' ? null : ours.has(nameOf(account)), dialect.flavour),
      )
      .filter(({ user, lockedBy }) => lockedBy !== 'nobody' || users.includes(user));
    return { accounts, accountsTrouble: '' };
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return { accounts: null, accountsTrouble: error.message };
  }
}
