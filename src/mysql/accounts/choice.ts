/** Which of the matching accounts are never locked, and which sessions belong to locked ones. Pure. */
import type { Account } from './account.ts';
import { nameOf } from './account.ts';
import { hostMatches, narrowness } from './host.ts';

/** A session as the process list shows it; `host` without its port. */
export interface OpenSession {
  readonly id: number;
  readonly user: string;
  readonly host: string;
  /** It sends the binary log to a replica. */
  readonly dumps: boolean;
}

/** Accounts that the server made for itself, locked for good: to release one would let everybody in. */
export function isServersOwn({ user }: Account): boolean {
  return user === 'mariadb.sys' || user.startsWith('mysql.');
}

/** Why this account is never locked; null: it may be. */
export function spared(
  account: Account,
  own: { readonly user: string; readonly spare: readonly string[] },
  sessions: readonly OpenSession[],
): string | null {
  if (account.user === own.user) return 'mmm-agent itself uses it';
  if (own.spare.includes(account.user)) return 'mmm-monitor uses it';
  if (account.replicates) return 'it may replicate (REPLICATION SLAVE)';
  if (account.administers) return 'it may administer accounts (GRANT OPTION)';
  const isDumping = sessions.some(({ user, dumps }) => dumps && user === account.user);
  return isDumping ? 'a replica reads with it just now' : null;
}

/**
 * Sessions that were opened with one of `locked`. The process list names no account, so each is given to the
 * narrowest one of its user that its host fits, as the server does at login.
 */
export function sessionsOf(
  locked: readonly Account[],
  all: readonly Account[],
  sessions: readonly OpenSession[],
): readonly OpenSession[] {
  const names = new Set(locked.map(nameOf));
  return sessions.filter((session) => {
    if (session.dumps) return false;
    const owner = ownerOf(session, all);
    if (owner !== undefined) return names.has(nameOf(owner));
    // A name where the account has an address, or the other way round: certain only when it makes no difference.
    const candidates = all.filter(({ user }) => user === session.user);
    return candidates.length > 0 && candidates.every((account) => names.has(nameOf(account)));
  });
}

function ownerOf(session: OpenSession, all: readonly Account[]): Account | undefined {
  return all
    .filter(({ user, host }) => user === session.user && hostMatches(host, session.host))
    .sort((one, two) => narrowness(two.host) - narrowness(one.host))[0];
}
