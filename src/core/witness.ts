/** Who has last seen a member alive: monitors, the agent beside it, and the peers that replicate from it. */
import { missesRenewals } from './held-lease.ts';
import type { Link, Look, Topology } from './model.ts';
import { FRESH_MS, type Health, hears, linkFrom, type Situation, UNKNOWN } from './situation.ts';

/** The health of a member; unknown when no monitor reports. */
export function healthOf(s: Situation, address: string): Health {
  return s.health.get(address) ?? UNKNOWN;
}

/** The newest look at a member that answers: by a monitor or, while no monitor reports at all, by its agent. */
export function lookAt(s: Situation, address: string): Look | null {
  const health = healthOf(s, address);
  if (health.status !== 'unknown') return health.look;
  return s.agents.get(address)?.report.look ?? null;
}

/** How a member has died, or null while anybody still gets an answer or data from it. */
export function deathOf(s: Situation, address: string): 'refused' | 'silent' | null {
  const health = healthOf(s, address);
  const { policy } = s.cluster;
  if (someoneHears(s, address)) return null;
  if (health.status === 'refused' && health.forMs >= policy.confirmMs) return 'refused';
  if (health.status === 'silent' && health.failures >= policy.tryTimes && health.forMs >= policy.freezeMs) {
    return 'silent';
  }
  return null;
}

/** A peer that still receives from `address` proves that it lives. */
export function someoneHears(s: Situation, address: string): boolean {
  return linksFrom(s, address).some(hears);
}

/**
 * The agent beside the server says that it answers, and goes on renewing its lease: then monitors that cannot reach it
 * are cut off themselves.
 */
export function isVouchedFor(s: Situation, t: Topology, address: string): boolean {
  const word = s.agents.get(address)?.report;
  return word?.local === true && word.look !== null && !missesRenewals(s, t, address);
}

/**
 * The host of the writer has gone quiet for everybody at once: its server for the monitors, its agent, which renews
 * no lease, and its binary log for every peer. No single one of them would do.
 */
export function isCutOff(s: Situation, t: Topology, address: string): boolean {
  const { status, forMs, failures } = healthOf(s, address);
  const { confirmMs, tryTimes } = s.cluster.policy;
  // The lease that stands still counts as one more probe.
  const isSilent = status === 'silent' && forMs >= confirmMs && failures + 1 >= tryTimes;
  return isSilent && missesRenewals(s, t, address) && linksFrom(s, address).every(isLate);
}

/** A peer received something from `address` a moment ago. */
export function wasHeard(s: Situation, address: string): boolean {
  return linksFrom(s, address).some((link) => link.io === 'yes' && link.quietMs <= FRESH_MS);
}

function linksFrom(s: Situation, address: string): readonly Link[] {
  return s.cluster.masters.flatMap((peer) => {
    if (peer === address) return [];
    return linkFrom(lookAt(s, peer), address, s.lastLook.get(address)) ?? [];
  });
}

/** A heartbeat is overdue. */
function isLate(link: Link): boolean {
  return link.io !== 'yes' || (link.heartbeatMs > 0 && link.quietMs > 1.5 * link.heartbeatMs);
}
