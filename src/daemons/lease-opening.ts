/** The lease around the statement that opens: a dead-man and a term before it, and what it came to after it. */
import { leaseTimes } from '../core/lease.ts';
import type { Topology } from '../core/model.ts';
import { armMs, begin, granted } from '../core/tenure.ts';
import { sayingOf } from './grantors.ts';
import type { Endings } from './lease-endings.ts';
import { type LeaseParts, see } from './lease-state.ts';

/** `unknown`: the statement was sent, and no answer says what it did. */
export type Outcome = 'open' | 'closed' | 'unknown';

export interface LeaseOpening {
  /** Leaves a dead-man in the server while the rest is not ready yet. Never rejects; never opens anything. */
  prepare(t: Topology): Promise<void>;
  /** Why the statement must not be sent; null: it may. Rejects with HubError when Redis does not answer. */
  before(t: Topology): Promise<string | null>;
  after(outcome: Outcome): Promise<void>;
}

/** A dead-man armed so long ago would close the server too soon: another is armed. */
const PREPARED_MS = 500;

export function createLeaseOpening(
  parts: LeaseParts & { readonly endings: Endings; readonly wakeGuard: () => void },
): LeaseOpening {
  const { id, address, hub, clock, state, deadMan, endings } = parts;

  let prepared: { readonly generation: number; readonly ms: number } | null = null;

  async function prepare(t: Topology): Promise<void> {
    if (state.isFencing || state.tenure !== null) return;
    const ms = clock.now();
    prepared = (await arm(t)) ? { generation: t.generation, ms } : null;
  }

  /** It closes the server before a term would end that is granted from now on. */
  async function arm({ generation, policy }: Topology): Promise<boolean> {
    const nowMs = clock.now();
    const sleepMs = armMs(granted(begin(generation, leaseTimes(policy.leaseMs)), nowMs), nowMs);
    return sleepMs !== null && (await deadMan.arm(sleepMs));
  }

  function isPrepared({ generation }: Topology): boolean {
    if (!deadMan.isArmed() || prepared?.generation !== generation) return false;
    return clock.now() - prepared.ms <= PREPARED_MS;
  }

  async function before(t: Topology): Promise<string | null> {
    if (state.isFencing) return 'it is being closed';
    see(state, address, t);
    const fresh = begin(t.generation, leaseTimes(t.policy.leaseMs));
    // Without one it may be opened: Redis is told, and nobody takes over on the lapse of this lease.
    if (!isPrepared(t)) await arm(t);
    prepared = null;
    const askedMs = clock.now();
    const why = await refusal(t);
    if (why !== null) return why;
    if (deadMan.isOutdated()) await deadMan.disarm();
    state.tenure = granted(fresh, askedMs);
    state.isOpening = true;
    state.stray = null;
    parts.wakeGuard();
    return null;
  }

  async function refusal({ uniqsign, generation }: Topology): Promise<string | null> {
    const renewal = { member: address, agent: id, generation, armed: deadMan.isArmed() };
    let isGranted = false;
    try {
      const grant = await hub.renewLease(uniqsign, renewal);
      isGranted = grant.says === 'granted';
      return isGranted ? null : `its lease is not granted: ${sayingOf(grant)}`;
    } finally {
      // An open server, not closed yet by an earlier right, keeps what closes it.
      if (!isGranted && state.tenure === null) await deadMan.disarm();
    }
  }

  async function after(outcome: Outcome): Promise<void> {
    if (!state.isOpening) return;
    state.isOpening = false;
    state.isSettled = true;
    if (outcome === 'unknown') {
      state.stray = 'whether it was opened is not known';
      parts.wakeGuard();
    }
    if (outcome === 'closed') {
      endings.end('it was not opened');
      await deadMan.disarm();
    }
  }

  return { prepare, before, after };
}
