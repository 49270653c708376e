/** When `fence_cmd` is run: once per generation, for an old writer that nobody can close in another way. */
import { gate } from './gates.ts';
import { leaseTimes } from './lease.ts';
import type { Situation } from './situation.ts';
import { deathOf, isCutOff } from './witness.ts';

/** The member to be put out of service from outside now; null when none. */
export function whomToFence(s: Situation): string | null {
  const t = s.topology;
  if (t?.phase !== 'closing' || !s.cluster.canFence || t.incarnation !== s.incarnation) return null;
  if (t.from === null || t.from === t.to || t.kind === 'bootstrap') return null;
  if (s.fence?.generation === t.generation || 'proof' in gate(s, t)) return null;
  if (deathOf(s, t.from) !== null || isCutOff(s, t, t.from)) return t.from;
  // One that answers is given the time in which its agent would have closed it; a planned handover is undone instead.
  return t.kind === 'failover' && s.phaseMs >= leaseTimes(t.policy.leaseMs).fenceMs ? t.from : null;
}
