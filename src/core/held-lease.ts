/**
 * What identify can tell of the lease that a member holds, or held before this handover: from the hash in Redis and
 * its own stopwatch. A lease that another Redis process has kept says nothing: it may be an old one.
 */
import { leaseTimes } from './lease.ts';
import type { Lease, Topology } from './model.ts';
import type { Situation } from './situation.ts';

/** W: after so long, counted from when renewals ended, no lease of `t` or of before it is still held. */
export function leaseWaitMs(t: Topology): number {
  return leaseTimes(Math.max(t.policy.leaseMs, t.heldMs)).waitMs;
}

/** The lease of `address`, when it is the last that was given and can be judged; else null. */
function leaseOf(s: Situation, t: Topology, address: string): Lease | null {
  const { lease } = s;
  if (lease === null || lease.holder !== address || !isKnown(s, t, lease)) return null;
  // While one is closed, the lease in Redis is still the one it held before.
  const isGiven = t.phase === 'stable' || t.phase === 'opening';
  const isLast = isGiven ? lease.generation === t.generation : lease.generation < t.generation;
  return isLast ? lease : null;
}

/** What it says is as true as when it was written last. */
function isKnown({ incarnation }: Situation, t: Topology, lease: Lease): boolean {
  if (lease.incarnation === incarnation) return true;
  return t.phase === 'closing' && t.leaseIncarnation !== '' && lease.incarnation === t.leaseIncarnation;
}

/**
 * Redis was restarted while the old writer was being closed: the process whose word on its lease still counts. Where
 * that handover is stored, the lease is too as it was when it began, or later; and from then on nobody could renew it.
 */
export function finalIncarnation({ lease }: Situation, t: Topology): string {
  if (t.phase !== 'closing' || lease === null || lease.generation >= t.generation) return '';
  return [t.incarnation, t.leaseIncarnation].includes(lease.incarnation) ? lease.incarnation : '';
}

/** The one to be opened was let open, now or in an earlier attempt, and nothing has proven it closed since. */
export function mayHaveOpened(s: Situation, t: Topology): boolean {
  return t.phase === 'opening' || (t.to !== t.from && s.lease !== null && s.lease.holder === t.to);
}

/** Its agent gave the lease up for good: the process is gone, and starts closed. */
export function hasReleased(s: Situation, t: Topology, address: string): boolean {
  return leaseOf(s, t, address)?.released === true;
}

/** The lease ends by itself, because the server closes itself when nobody renews it. */
export function mayExpire(s: Situation, t: Topology, address: string): boolean {
  const lease = leaseOf(s, t, address);
  return lease !== null && lease.agent !== '' && lease.armed;
}

/** How long nobody has renewed the lease of the writer; 0 when that cannot be told. */
export function stillMs(s: Situation, t: Topology, address: string): number {
  return mayExpire(s, t, address) ? s.leaseStillMs : 0;
}

/** Three renewals have not come: its agent does not renew any more, or does not reach Redis. */
export function missesRenewals(s: Situation, t: Topology, address: string): boolean {
  return stillMs(s, t, address) > 3 * leaseTimes(t.policy.leaseMs).renewMs;
}
