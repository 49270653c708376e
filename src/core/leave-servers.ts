/** What may be left on the database servers of a cluster. */
import type {
  AskedAccount,
  FoundAccount,
  FoundLink,
  FoundServer,
  LeaveItem,
  LeavingCluster,
  LeavingMember,
} from './leave.ts';
import type { Link, Topology } from './model.ts';

export function serverItems(cluster: LeavingCluster, asked: readonly AskedAccount[]): readonly LeaveItem[] {
  return cluster.members.flatMap((member) => {
    const items = member.found === null ? unread(member, asked) : read(cluster, member.found, asked, member);
    return [...items, configuration()].map((item) => ({
      place: 'server' as const,
      where: member.address,
      ...item,
    }));
  });
}

type Found = Pick<LeaveItem, 'what' | 'undo'>;

function read(
  cluster: LeavingCluster,
  found: FoundServer,
  asked: readonly AskedAccount[],
  { address }: LeavingMember,
): readonly Found[] {
  const links = found.look.links.flatMap((link) => stoppedLink(link, found.links, cluster.topology, address));
  return [readOnly(found, cluster, address), ...links, ...accounts(found, asked)];
}

/** Whoever works through the list must not end with two open servers: at most the writer is opened. */
function readOnly({ look }: FoundServer, { topology, members }: LeavingCluster, address: string): Found {
  if (!look.readOnly) return { what: 'it accepts writes (read_only is off): nothing to undo', undo: [] };
  if (topology?.writer !== address) {
    const role = topology === null ? 'whether it is the writer, Redis does not tell' : 'it is not the writer';
    const what = `it is closed (read_only is on); ${role}: leave it closed, unless it shall be the only open server`;
    return { what, undo: [] };
  }
  const other = members.find((m) => m.address !== address && m.found?.look.readOnly !== true);
  const what = 'it is the writer, but closed (read_only is on)';
  if (other === undefined) return { what, undo: ['SET GLOBAL read_only = 0'] };
  const why = other.found === null ? 'could not be read' : 'is open';
  return { what: `${what}; ${other.address} ${why}: open this one only when that one is closed`, undo: [] };
}

function stoppedLink(
  link: Link,
  known: readonly FoundLink[],
  topology: Topology | null,
  address: string,
): readonly Found[] {
  if (link.io !== 'no' && link.sql === 'yes') return [];
  const state = `it does not replicate from ${link.from} (receiving: ${link.io}, applying: ${link.sql})`;
  const diverged = topology?.members.find((member) => member.state === 'diverged');
  if (diverged !== undefined) {
    const what = `${state}, because ${diverged.address} is diverged: starting it would mix what each has alone; rebuild ${diverged.address} from the writer`;
    return [{ what, undo: [] }];
  }
  const isParked = topology?.parked.some(({ on, from }) => on === address && from === link.from) === true;
  const starting = known.find(({ from }) => from === link.from)?.starting ?? [];
  const what = isParked ? `${state}: parked until ${link.from} is back` : state;
  return [{ what: link.sqlError === '' ? what : `${what}; last error: ${link.sqlError}`, undo: starting }];
}

function accounts(found: FoundServer, asked: readonly AskedAccount[]): readonly Found[] {
  if (found.accounts === null) {
    return [{ what: `accounts could not be read: ${found.accountsTrouble}; ${byHand(asked)}`, undo: [] }];
  }
  const locked = found.accounts.filter(({ lockedBy }) => lockedBy !== 'nobody').map(lockedAccount);
  const created = found.accounts.flatMap((account) => {
    const purpose = asked.find(({ user }) => user === account.user)?.purpose;
    return purpose === undefined ? [] : [createdAccount(account, purpose)];
  });
  return [...locked, ...created];
}

const WHO = {
  nobody: '',
  us: '; block_user and block_host name it',
  somebody: ', but block_user and block_host do not name it: leave that to whoever locked it',
  unknown:
    '; whether mmm-agent did it, tell block_user and block_host of its file, which was not read (--agent-conf)',
} as const;

function lockedAccount({ user, host, lockedBy, freeing }: FoundAccount): Found {
  return {
    what: `the account '${user}'@'${host}' is locked${WHO[lockedBy]}`,
    undo: freeing.length === 0 ? [] : ['SET SESSION sql_log_bin = 0', ...freeing],
  };
}

function createdAccount({ user, host, dropping }: FoundAccount, purpose: string): Found {
  return {
    what: `the account '${user}'@'${host}' (${purpose}), when nobody else uses it: last of all on this server`,
    undo: ['SET SESSION sql_log_bin = 0', dropping],
  };
}

function unread({ why }: LeavingMember, asked: readonly AskedAccount[]): readonly Found[] {
  const links = 'SHOW ALL SLAVES STATUS (MariaDB) or SHOW REPLICA STATUS: START what is stopped';
  return [
    {
      what: `it could not be read: ${why}; look by hand: SELECT @@read_only; ${links}; ${byHand(asked)}`,
      undo: [],
    },
  ];
}

function byHand(asked: readonly AskedAccount[]): string {
  const users = [...new Set(asked.map(({ user }) => user))].join(', ');
  return `look by hand for locked accounts and for those of ${users === '' ? 'mmm-manager' : users}`;
}

function configuration(): Found {
  return {
    what: 'my.cnf: read_only and skip_slave_start (skip_replica_start), when they were added for mmm-manager; without them a restarted server is open',
    undo: [],
  };
}
