/**
 * Replaces a writer that cannot go on, without being asked: its agent saw it end, or it is dead for the monitors, or
 * nobody renews its lease any more. One that only looks dead from where the monitors are is left alone.
 */
import { withoutAddress } from '../address.ts';
import { cooldownLeftMs } from '../cooldown.ts';
import { bestStandby } from '../fitness.ts';
import { isLocal, proofMayCome } from '../gates.ts';
import { hasReleased, leaseWaitMs, mayExpire, stillMs } from '../held-lease.ts';
import type { Topology } from '../model.ts';
import { begin, type Change, type Outcome, openAtOnce, type Rule } from '../outcome.ts';
import type { Situation } from '../situation.ts';
import { deathOf, healthOf, isCutOff, isVouchedFor, someoneHears } from '../witness.ts';

export const replaceRules: readonly Rule[] = [
  {
    name: 'replace a writer that its agent saw end',
    when: 'the agent beside the writer has given its lease up: the process is gone, and starts closed',
    decide: replaceReleased,
  },
  {
    name: 'replace a dead writer',
    when: 'the writer is dead for the monitors, and no peer hears it',
    decide: replaceDead,
  },
  {
    name: 'replace a writer whose lease nobody renews',
    when: 'the agent beside the writer is silent, its lease has ended, and nobody sees the server open',
    decide: replaceLapsed,
  },
];

function replaceReleased(s: Situation): Outcome | null {
  const t = s.topology;
  if (t === null || t.writer === null || !hasReleased(s, t, t.writer)) return null;
  const from = t.writer;
  const reason = `${from} is gone: its agent saw the process end`;
  const proven = { proof: 'b', position: s.lastLook.get(from)?.history ?? null } as const;
  return replace(s, t, {
    from,
    what: reason,
    change: (to) => openAtOnce(s, t, { kind: 'failover', from, to, reason }, proven),
  });
}

function replaceDead(s: Situation): Outcome | null {
  const t = s.topology;
  if (t === null || t.writer === null) return null;
  const from = t.writer;
  const how = deathOf(s, from) ?? (isCutOff(s, t, from) ? 'silent' : null);
  if (how === null) return null;
  const health = healthOf(s, from);
  const why = withoutAddress(from, health.reason);
  const what = `${from} is dead for ${Math.round(health.forMs)} ms: ${why}`;
  if (isVouchedFor(s, t, from)) {
    const says = `no monitor reaches ${from} (${why}), but the agent beside it says that it answers: no failover; mend the way from mmm-monitor to it`;
    return { says, alarm: true };
  }
  const outcome = replace(s, t, { from, what });
  // Where only gate (f) can hold, an early closing would gain nothing.
  const { silenceMs } = s.cluster.policy;
  const isEarly = how === 'silent' && t.sidecars.length === 0 && health.forMs < silenceMs;
  return outcome.change !== undefined && isEarly && !s.cluster.canFence && !mayExpire(s, t, from)
    ? { says: `${from} is silent, waiting for silence (${silenceMs} ms)`, alarm: true }
    : outcome;
}

/** Its server has closed itself, or nobody reaches it: while anybody sees it open, nothing moves. */
function replaceLapsed(s: Situation): Outcome | null {
  const t = s.topology;
  if (t === null || t.writer === null) return null;
  const from = t.writer;
  if (stillMs(s, t, from) < leaseWaitMs(t) || !mayExpire(s, t, from) || isLocal(s, from)) return null;
  const { status, look } = healthOf(s, from);
  const isClosed = status === 'up' && look?.readOnly === true;
  if (!isClosed && (status === 'up' || someoneHears(s, from))) return null;
  const what = `the agent beside ${from} is silent: nobody has renewed its lease for ${Math.round(s.leaseStillMs)} ms`;
  return replace(s, t, { from, what });
}

interface Replacement {
  readonly from: string;
  readonly what: string;
  /** Default: a handover that begins with closing. */
  readonly change?: (to: string) => Change;
}

function replace(s: Situation, t: Topology, { from, what, change }: Replacement): Outcome {
  if (t.paused !== null)
    return { says: `${what}; paused by ${t.paused.by}: no failover until resume`, alarm: true };
  const best = bestStandby(s, t, { from, planned: false });
  if ('reasons' in best)
    return { says: `${what}; nobody can take over: ${best.reasons.join('; ')}`, alarm: true };
  if (!proofMayCome(s, t, from)) {
    return {
      says: `${what}; no failover: with fencing=${t.policy.fencing} nothing could prove that it is closed`,
      alarm: true,
    };
  }
  const leftMs = cooldownLeftMs(s, t, from);
  if (leftMs > 0) {
    const says = `${what}; no failover by itself for another ${Math.ceil(leftMs / 1000)} s: the last one was too short a while ago (failover_cooldown). mmm-control failover does it now`;
    return { says, alarm: true };
  }
  const to = best.address;
  return {
    says: what,
    alarm: true,
    change: change?.(to) ?? begin(s, t, { kind: 'failover', from, to, reason: what }),
  };
}
