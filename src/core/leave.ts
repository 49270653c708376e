/** What is left of us when we go, and what undoes it: a list for a person to read. Nothing here does any of it. */
import { redisItems } from './leave-redis.ts';
import { serverItems } from './leave-servers.ts';
import type { Look, Topology } from './model.ts';

/** One thing that may be left. */
export interface LeaveItem {
  readonly place: 'daemons' | 'server' | 'redis' | 'files';
  /** Address, key prefix or path; empty when the place says it all. */
  readonly where: string;
  readonly what: string;
  /** Statements or commands in their order; empty when it is for a person to decide or to do. */
  readonly undo: readonly string[];
}

/** An account of a server that concerns us. */
export interface FoundAccount {
  readonly user: string;
  readonly host: string;
  /** `us`: `block_user` and `block_host` name it. `unknown`: the agent's file, which has them, was not read. */
  readonly lockedBy: 'nobody' | 'us' | 'somebody' | 'unknown';
  /** Statements that make it usable again, without any password hash; only for those that we have locked. */
  readonly freeing: readonly string[];
  readonly dropping: string;
}

/** A replication link and the statements that start it, in one session. */
export interface FoundLink {
  readonly from: string;
  readonly starting: readonly string[];
}

/** What was read of a server. */
export interface FoundServer {
  readonly look: Look;
  readonly links: readonly FoundLink[];
  /** The locked ones, and those of the users that were asked for; null when they could not be read. */
  readonly accounts: readonly FoundAccount[] | null;
  /** Why not. */
  readonly accountsTrouble: string;
}

export interface LeavingMember {
  readonly address: string;
  /** null: it could not be read. */
  readonly found: FoundServer | null;
  /** Why not. */
  readonly why: string;
}

export interface LeavingCluster {
  readonly tag: string;
  readonly uniqsign: string;
  readonly members: readonly LeavingMember[];
  readonly topology: Topology | null;
}

/** An account that the set-up asked somebody to create. */
export interface AskedAccount {
  readonly user: string;
  readonly purpose: string;
}

/** What stands in Redis; null when it could not be read. */
export interface FoundKeys {
  readonly keys: readonly string[];
  /** The fields of each `-master` hash, by key. */
  readonly masters: Readonly<Record<string, readonly string[]>>;
  /** Of the set `mysql-clusters`. */
  readonly clusters: readonly string[];
  /** Whether everything was looked through. */
  readonly complete: boolean;
}

export interface LeftFile {
  readonly path: string;
  readonly what: string;
  readonly undo: readonly string[];
}

export interface LeaveInput {
  readonly clusters: readonly LeavingCluster[];
  readonly accounts: readonly AskedAccount[];
  readonly redis: {
    readonly at: string;
    /** As which user we log in; null: the default one. */
    readonly username: string | null;
    readonly found: FoundKeys | null;
    readonly why: string;
  };
  readonly files: readonly LeftFile[];
}

/** What could not be read, and why. */
export function unreadOf({ clusters, redis }: LeaveInput): readonly string[] {
  const members = clusters.flatMap((cluster) => cluster.members);
  return [
    ...members.flatMap(({ address, found, why }) => {
      if (found === null) return [`${address} could not be read: ${why}`];
      return found.accounts === null
        ? [`accounts of ${address} could not be read: ${found.accountsTrouble}`]
        : [];
    }),
    ...(redis.found === null ? [`Redis at ${redis.at} could not be read: ${redis.why}`] : []),
    ...(redis.found?.complete === false ? [`Redis at ${redis.at} was not read to its end`] : []),
  ];
}

/** Neither a server nor Redis. */
export function sawNothing({ clusters, redis }: LeaveInput): boolean {
  const members = clusters.flatMap((cluster) => cluster.members);
  return redis.found === null && members.every(({ found }) => found === null);
}

/** Everything, in the order in which it is best undone: daemons, servers, Redis, files. */
export function leaveItems(input: LeaveInput): readonly LeaveItem[] {
  return [
    daemonItem(),
    ...input.clusters.flatMap((cluster) => serverItems(cluster, input.accounts)),
    ...redisItems(input),
    ...input.files.map(({ path, what, undo }) => ({ place: 'files', where: path, what, undo }) as const),
  ];
}

function daemonItem(): LeaveItem {
  return {
    place: 'daemons',
    where: '',
    what: 'first stop those that run, on every host: one that runs brings back what is undone; stopping opens and closes no server',
    undo: [
      "systemctl stop 'mmm-monitor*' 'mmm-identify*' mmm-agent mmm-sidecar",
      'systemctl disable mmm-monitor mmm-identify mmm-agent mmm-sidecar',
    ],
  };
}
