/**
 * A cluster whose servers fail over back and forth helps nobody: after a failover nobody asked for, the next one waits
 * for `failover_cooldown`, unless the very server it opened has died for certain.
 */
import { hasReleased } from './held-lease.ts';
import type { Topology } from './model.ts';
import type { Situation } from './situation.ts';
import { deathOf, healthOf } from './witness.ts';

/** How long the writer may not be replaced yet; 0 when it may be now. */
export function cooldownLeftMs(s: Situation, t: Topology, writer: string): number {
  if (t.lastFailover === null) return 0;
  const { failoverCooldownMs } = s.cluster.policy;
  const ageMs = s.redisNowMs - t.lastFailover.atMs;
  // A clock that was set back tells nothing: nobody waits for it.
  if (ageMs < 0 || ageMs >= failoverCooldownMs) return 0;
  return t.lastFailover.to === writer && isDeadForCertain(s, t, writer) ? 0 : failoverCooldownMs - ageMs;
}

function isDeadForCertain(s: Situation, t: Topology, address: string): boolean {
  if (hasReleased(s, t, address)) return true;
  const death = deathOf(s, address);
  return (
    death === 'refused' || (death === 'silent' && healthOf(s, address).forMs >= s.cluster.policy.silenceMs)
  );
}
