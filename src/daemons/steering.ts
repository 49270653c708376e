import type { Direction } from '../core/direction.ts';
import type { Allowed } from '../core/view.ts';
import { RouteError } from '../errors.ts';
import { isListening } from '../haproxy/listening.ts';
import { endOldWorkers, refuseLingering } from '../haproxy/old-workers.ts';
import type { Routed, Router } from '../haproxy/router.ts';
import { verifyThrough } from '../haproxy/verify.ts';
import type { Clock } from '../ports.ts';
import type { How } from './lane.ts';

/** A topology to follow, or the ancestor's keys in its shape. */
export interface Wanted {
  readonly topology: Direction;
  readonly allowed: Allowed;
  /** When this generation and phase was first seen, by the clock. */
  readonly seenMs: number;
}

/** How to prove through the proxy who answers there. */
export interface Proof {
  readonly listen: string;
  readonly user: string;
  readonly password: string;
}

export interface Steered {
  readonly route: 'unable' | 'nobody' | 'lacking' | 'done';
  /** Members every running haproxy of the target has a server line for. */
  readonly found: readonly string[];
  readonly changed: boolean;
  /** haproxy's own check says that the writer is down. */
  readonly down: boolean;
  readonly detail: string;
}

export interface SteerOptions {
  readonly backend: string | null;
  readonly proof: Proof | null;
  /** Of the writer; empty when unknown. */
  readonly serverId: string;
  /** Where clients connect, to tell a haproxy that is not running from a wrong socket; null when unknown. */
  readonly entrance: string | null;
  readonly clock: Clock;
}

const VERIFY_MS = 1_000;
const LISTENING_MS = 300;
const UNSEEN = 'workers of an earlier reload cannot be seen from here';

/**
 * Brings every running haproxy of a target to the topology, all at once: only the writer open when stable,
 * nobody otherwise. Then proves it. Rejects with RouteError when one of them could not be brought there.
 */
export async function steer(
  routers: readonly Router[],
  wanted: Wanted,
  options: SteerOptions,
  how: How,
): Promise<Steered> {
  const writer = wanted.topology.phase === 'stable' ? wanted.topology.writer : null;
  const plan = { members: steeredMembers(wanted), writer, backend: options.backend };
  const results = await Promise.allSettled(routers.map((router) => router.route(plan, how)));
  const failures = results.flatMap((one) => (one.status === 'rejected' ? [String(one.reason.message)] : []));
  if (failures.length > 0) throw new RouteError(failures.join('; '));
  const routed = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const live = routed.filter((one) => one.state !== 'nobody');
  const unseen = writer === null && (await proveNobody(routers, routed, options)) === 'unseen';
  const changed = live.some((one) => one.changed);
  const found = plan.members.filter((member) => live.every((one) => one.found.includes(member)));
  const isDown = live.some((one) => one.down) && writer !== null;
  const [route, detail] = await outcome();
  return { route, found, changed, down: route === 'done' && isDown, detail };

  async function outcome(): Promise<[Steered['route'], string]> {
    if (routers.length === 0) return ['unable', 'no socket: a running haproxy cannot be switched or cut'];
    if (live.length === 0) return ['nobody', 'haproxy is not running'];
    if (live.some((one) => one.state === 'lacking')) {
      return ['lacking', `the running haproxy has no server line for ${writer}`];
    }
    if (writer === null) return ['done', `nobody is routed to any member${unseen ? `; ${UNSEEN}` : ''}`];
    if (isDown) return ['done', `haproxy's own check says that ${writer} is down`];
    return ['done', await proven(writer, options, how)];
  }
}

/** What the runtime socket cannot show: workers of an earlier reload, a haproxy behind another socket. */
async function proveNobody(
  routers: readonly Router[],
  routed: readonly Routed[],
  { entrance, clock }: SteerOptions,
): Promise<'gone' | 'unseen'> {
  const ends = await Promise.all(
    routed.map(async ({ pid, state }) => {
      if (state !== 'nobody') return pid === null ? 'unseen' : endOldWorkers(pid, clock);
      if (pid !== null) await refuseLingering(pid, clock);
      return 'gone';
    }),
  );
  const seen = ends.includes('unseen') ? 'unseen' : 'gone';
  // A haproxy without a server line of any member says nothing about who leads clients to them.
  const isKnown = routed.some(({ state, found }) => state !== 'nobody' && found.length > 0);
  if (routers.length === 0 || isKnown || entrance === null) return seen;
  if ((await isListening(entrance, LISTENING_MS)) !== false) {
    const sockets = routers.map((router) => router.socket).join(', ');
    throw new RouteError(
      `no server line of a member was found at ${sockets}, but ${entrance} does not refuse clients: correct socket= or members=`,
    );
  }
  return seen;
}

/** Replicas keep whatever place haproxy gives them: they never take writes. */
function steeredMembers({ topology, allowed }: Wanted): readonly string[] {
  return allowed.members.filter((address) =>
    topology.members.every((member) => member.address !== address || member.kind === 'master'),
  );
}

async function proven(writer: string, options: SteerOptions, how: How): Promise<string> {
  if (options.proof === null || !how.fresh) return `open to ${writer} by haproxy's own state`;
  const { serverId } = options;
  const who = await verifyThrough({ ...options.proof, writer, serverId, timeoutMs: VERIFY_MS });
  return who === 'writer'
    ? `${options.proof.listen} leads to ${writer}`
    : `${options.proof.listen} leads to a writable server`;
}
