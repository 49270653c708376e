/**
 * A situation is all that identify knows at one moment, `now` included, as plain data.
 *
 * Ages are measured by identify's own stopwatch on the sequence numbers of reports: a report counts as
 * fresh for a while after *we* saw it change, whatever any other clock says. Freshness is that of the document: a
 * single member's part may be older, so deeds count by the generation they name, never by age.
 */
import type {
  Facts,
  Lease,
  Link,
  Look,
  MemberReport,
  Policy,
  Probe,
  Request,
  SidecarReport,
  Topology,
} from './model.ts';

/** What the configuration says of a cluster. `masters`: primaryhost first, any number. */
export interface Cluster {
  readonly uniqsign: string;
  readonly tag: string;
  readonly masters: readonly string[];
  readonly policy: Policy;
  /** There is a `fence_cmd`: identify can have a server fenced from outside. */
  readonly canFence: boolean;
}

/** What became of `fence_cmd`, run once in a generation for one member. */
export interface FenceRun {
  readonly generation: number;
  readonly address: string;
  readonly outcome: 'running' | 'done' | 'failed';
  /** Why it failed; else empty. */
  readonly detail: string;
}

/** One member, folded from every fresh monitor. `unknown`: no fresh monitor has a majority view. */
export interface Health {
  readonly status: Probe['status'] | 'unknown';
  /** How long, by the monitor that has seen it for the shortest time. */
  readonly forMs: number;
  readonly failures: number;
  readonly reason: string;
  readonly look: Look | null;
}

/** A fresh report of the agent that serves a member. */
export interface AgentWord {
  readonly agent: string;
  readonly report: MemberReport;
  /** It blocks the applications' accounts on a closed server. */
  readonly blocks: boolean;
  readonly ageMs: number;
}

export interface Situation {
  readonly cluster: Cluster;
  /** null when there is none, or only one older than the floor (Redis lost or rolled back). */
  readonly topology: Topology | null;
  /** Highest generation ever seen by anybody who told us. */
  readonly floor: number;
  /** How long this cluster has been watched without a gap. */
  readonly watchedMs: number;
  /** How long the present generation and phase have been watched. */
  readonly phaseMs: number;
  readonly health: ReadonlyMap<string, Health>;
  /** The last look anybody had at a member, also when it is gone now. */
  readonly lastLook: ReadonlyMap<string, Look>;
  /** How long a standby's link from the writer has not been running although both servers answer. */
  readonly brokenMs: ReadonlyMap<string, number>;
  /** How long a standby has shown the same transactions that the writer's looks lack. */
  readonly extraMs: ReadonlyMap<string, number>;
  /** How long a member has been online without a break in the present generation, not counting a pause. */
  readonly onlineMs: ReadonlyMap<string, number>;
  /** How often a member was seen going offline within `flap_duration`. */
  readonly outages: ReadonlyMap<string, number>;
  /** Fresh words only. */
  readonly agents: ReadonlyMap<string, AgentWord>;
  /** Every stored report; `ageMs` tells a live one. */
  readonly sidecars: readonly { readonly report: SidecarReport; readonly ageMs: number }[];
  readonly requests: readonly Request[];
  /** The ancestor's idea of the writer, from `mysql-S-master`. */
  readonly legacyWriter: string | null;
  readonly incarnation: string;
  readonly lease: Lease | null;
  /** How long the lease's counter has stood still, over a time without a gap in our own readings. */
  readonly leaseStillMs: number;
  /** The last run of `fence_cmd` by this identify. */
  readonly fence: FenceRun | null;
  /** The clock of Redis. */
  readonly redisNowMs: number;
  /** The newest topology this identify has read since it started: it outlives a Redis that was emptied. */
  readonly lastTopology: Topology | null;
}

/** A report older than this says nothing about now. Agents and sidecars report each second. */
export const FRESH_MS = 3000;

export const UNKNOWN: Health = {
  status: 'unknown',
  forMs: 0,
  failures: 0,
  reason: 'no monitor reports',
  look: null,
};

/**
 * Folds what several monitors say of one member. One that still gets an answer vetoes; otherwise more than
 * half of the fresh ones must agree that it is gone.
 */
export function foldHealth(address: string, fresh: readonly Facts[]): Health {
  const probes = fresh.flatMap((facts) => facts.members[address] ?? []);
  const alive = probes.find((p) => p.status === 'up') ?? probes.find((p) => p.status === 'faulty');
  if (alive !== undefined) return { ...alive };
  const refused = probes.filter((p) => p.status === 'refused');
  const agreeing = refused.length * 2 > fresh.length ? refused : probes;
  if (agreeing.length * 2 <= fresh.length) return UNKNOWN;
  const status = agreeing === refused ? 'refused' : 'silent';
  return {
    status,
    forMs: Math.min(...agreeing.map((p) => p.forMs)),
    failures: Math.min(...agreeing.map((p) => p.failures)),
    reason: agreeing[0]?.reason ?? '',
    look: null,
  };
}

/** The link of `look` that comes from the server at `address` (or with that server id). */
export function linkFrom(look: Look | null, address: string, peer: Look | undefined): Link | undefined {
  return look?.links.find(
    (link) =>
      link.from === address ||
      (peer !== undefined && peer.serverId > 0 && link.fromServerId === peer.serverId),
  );
}

/** Whether a link still brings events or heartbeats: its source is alive for somebody. */
export function hears(link: Link): boolean {
  if (link.io !== 'yes') return false;
  return link.heartbeatMs === 0 || link.quietMs < 2 * link.heartbeatMs + 1000;
}

/** Live sidecars and agents: reported within FRESH_MS. */
export function isFresh(ageMs: number): boolean {
  return ageMs <= FRESH_MS;
}
