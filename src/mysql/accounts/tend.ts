/**
 * Makes accounts usable or unusable, one at a time, so that whoever comes after a crash finds each either done or
 * due. Nothing of it is written to the binary log: each server has its own accounts locked.
 */
import { ServerError } from '../../errors.ts';
import type { TendOptions } from '../../ports.ts';
import type { Dialect, Row } from '../dialects/dialect.ts';
import { binary } from '../dialects/text.ts';
import { errnoOf } from '../reasons.ts';
import type { Session } from '../session.ts';
import { type Account, freeing, locking, nameOf } from './account.ts';
import type { Blocking, Catalogue } from './catalogue.ts';
import { isServersOwn, type OpenSession, sessionsOf, spared } from './choice.ts';
import { withoutPort } from './host.ts';

export interface TendMeans {
  readonly session: Session;
  readonly dialect: Dialect;
  readonly catalogue: Catalogue;
  readonly blocking: Blocking;
  /** The account we are logged in with. */
  readonly ownUser: string;
  readonly leftMs: () => number;
}

/** What was done, and what not. */
export interface Work {
  readonly changed: readonly string[];
  /** `account: why`, for each that failed. */
  readonly failed: readonly string[];
  /** `account: why`, for each that matches and is left alone. */
  readonly exceptions: readonly string[];
}

/**
 * Before anything else in a session. Accounts wait for nobody longer than a second (where the server keeps to it),
 * also when we have given up on the answer: a lock that comes late would hit the writer.
 */
export async function prepare({ session, leftMs }: Pick<TendMeans, 'session' | 'leftMs'>): Promise<void> {
  const sql = "SET SESSION sql_log_bin = 0, sql_mode = 'NO_BACKSLASH_ESCAPES', lock_wait_timeout = 1";
  await session.ask({ sql, doing: 'keeping accounts out of the binary log', timeoutMs: leftMs() });
}

/** Rejects with ServerError when it could not go on. */
export async function tend(means: TendMeans, options: TendOptions): Promise<Work> {
  const { catalogue, blocking } = means;
  const all = (await ask(means, catalogue.list(blocking), 'reading the accounts')).map(catalogue.toAccount);
  const matching = all.filter((account) => account.matches && !isServersOwn(account));
  if (matching.length === 0) return { changed: [], failed: [], exceptions: [] };
  return options.usable ? free(means, options, matching) : lock(means, options, matching, all);
}

async function free(means: TendMeans, options: TendOptions, accounts: readonly Account[]): Promise<Work> {
  const plans = accounts.map((account) => [account, freeing(account, means.catalogue.store)] as const);
  const { changed, failed } = await changeAll(means, options, plans);
  return { changed, failed, exceptions: [] };
}

async function lock(
  means: TendMeans,
  options: TendOptions,
  matching: readonly Account[],
  all: readonly Account[],
): Promise<Work> {
  const users = [...new Set(all.map(({ user }) => user))];
  const own = { user: means.ownUser, spare: options.spare };
  const before = await listSessions(means, users);
  const reasons = new Map(matching.map((account) => [account, spared(account, own, before)]));
  const chosen = matching.filter((account) => reasons.get(account) === null);
  const plans = chosen.map((account) => [account, locking(account, means.catalogue.store)] as const);
  const impossible = plans.flatMap(([account, plan]) =>
    plan.possible ? [] : [`${nameOf(account)}: ${plan.why}`],
  );
  const { changed, failed, done } = await changeAll(means, options, plans);
  if (options.endSessions) {
    // Who logged in while we locked is in the second list only.
    const present = changed.length === 0 ? before : await listSessions(means, users);
    await endSessions(means, options, sessionsOf(done, all, present));
  }
  const kept = matching.flatMap((account) => {
    const reason = reasons.get(account) ?? null;
    return reason === null ? [] : [`${nameOf(account)}: ${reason}`];
  });
  return { changed, failed, exceptions: [...kept, ...impossible] };
}

type Plan = readonly [Account, ReturnType<typeof locking>];

/** One account that fails keeps no other from its turn. */
async function changeAll(
  means: TendMeans,
  options: TendOptions,
  plans: readonly Plan[],
): Promise<{ changed: string[]; failed: string[]; done: Account[] }> {
  const changed: string[] = [];
  const failed: string[] = [];
  const done: Account[] = [];
  for (const [account, plan] of plans) {
    if (!plan.possible) continue;
    try {
      for (const sql of plan.sql) {
        if (!(await isStillWanted(means, options))) return { changed, failed, done };
        await ask(means, sql, `changing the account ${nameOf(account)}`);
      }
      if (plan.sql.length > 0) changed.push(nameOf(account));
      done.push(account);
    } catch (error) {
      // Dropped meanwhile: nothing is left to change.
      if (errnoOf(error) === NO_SUCH_ACCOUNT || errnoOf(error) === NO_MATCHING_ROW) continue;
      if (!(error instanceof ServerError) || means.session.state !== 'open') throw error;
      if (LACKS_PRIVILEGE.has(errnoOf(error) ?? 0)) throw error;
      failed.push(`${nameOf(account)}: ${whyNot(error, options)}`);
    }
  }
  return { changed, failed, done };
}

/** Asked before every single step: an agent that was frozen meanwhile would do the next one to the new writer. */
async function isStillWanted(means: TendMeans, options: TendOptions): Promise<boolean> {
  if (options.usable || options.whileWritable) return true;
  const rows = await ask(means, 'SELECT @@global.read_only AS ro', 'reading read_only');
  return means.dialect.toReadOnly([rows]);
}

/** Never the advice to switch super_read_only off: the closed server would be open to whoever has SUPER. */
function whyNot(error: ServerError, { usable }: TendOptions): string {
  const isSuperReadOnly =
    errnoOf(error) === OPTION_PREVENTS && /--super-read-only|--read-only \(super\)/.test(error.message);
  if (usable || !isSuperReadOnly) return error.message;
  return 'cannot be locked while super_read_only is on; it is done when this server is closed the next time';
}

const OPTION_PREVENTS = 1290;
const NO_SUCH_ACCOUNT = 1396;
const NO_MATCHING_ROW = 1133;
/** The server refused for want of a privilege; the same for every account. */
export const LACKS_PRIVILEGE: ReadonlySet<number> = new Set([1044, 1142, 1143, 1227, 1370]);

async function listSessions(means: TendMeans, users: readonly string[]): Promise<readonly OpenSession[]> {
  const rows = await ask(
    means,
    'SELECT ID AS id, USER AS user, HOST AS host, COMMAND AS command FROM information_schema.PROCESSLIST' +
      ` WHERE CAST(USER AS BINARY) IN (${users.map(binary).join(', ')})`,
    'listing the sessions of accounts',
  );
  return rows.map(toSession);
}

function toSession(row: Row): OpenSession {
  return {
    id: Number(row.id),
    user: row.user ?? '',
    host: withoutPort(row.host ?? ''),
    dumps: (row.command ?? '').startsWith('Binlog Dump'),
  };
}

/** Locking an account ends none of its sessions. */
async function endSessions(
  means: TendMeans,
  options: TendOptions,
  sessions: readonly OpenSession[],
): Promise<void> {
  for (const { id } of sessions) {
    if (!(await isStillWanted(means, options))) return;
    try {
      await ask(means, `KILL CONNECTION ${Math.trunc(id)}`, 'ending the sessions of locked accounts');
    } catch (error) {
      if (errnoOf(error) !== NO_SUCH_THREAD) throw error;
    }
  }
}

const NO_SUCH_THREAD = 1094;

function ask(means: TendMeans, sql: string, doing: string): Promise<readonly Row[]> {
  return means.session.ask({ sql, doing, timeoutMs: means.leftMs() });
}
