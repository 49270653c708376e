/**
 * A writer is open. Watch over it: carry out requests, take it back when it restarted closed, replace it
 * when it cannot go on (`replace.ts`), and keep the members' states, parked links and the register of sidecars true.
 */
import { healthOf, isRouting } from '../gates.ts';
import { adjust, begin, keep, type Outcome, type Rule } from '../outcome.ts';
import { preflight } from '../preflight.ts';
import { FRESH_MS, isFresh, type Situation } from '../situation.ts';
import { refuse } from './answers.ts';
import { failBack } from './failback.ts';
import { replaceRules } from './replace.ts';
import { memberChanges } from './upkeep.ts';

export const stableRules: readonly Rule[] = [
  {
    name: 'reopen the writer that restarted closed',
    when: 'the writer answers and is read-only',
    decide: reopen,
  },
  ...replaceRules,
  { name: 'carry out a switchover', when: 'mmm-control asks for one', decide: switchOver },
  {
    name: "keep the members' states true",
    when: "a standby's state, or a link of it, is not what is seen of it",
    decide: keepMembers,
  },
  { name: 'keep the register of sidecars', when: 'a sidecar comes, or says goodbye', decide: keepRegister },
  {
    name: 'follow the configuration',
    when: 'mmm.conf says something else than the topology',
    decide: followConfiguration,
  },
  {
    name: 'give the role back to primaryhost',
    when: 'failback=auto, and primaryhost has been online long enough after a failover',
    decide: failBack,
  },
];

function reopen(s: Situation): Outcome | null {
  const t = s.topology;
  if (t === null || t.writer === null) return null;
  const word = s.agents.get(t.writer);
  const health = healthOf(s, t.writer);
  if (health.look?.readOnly !== true || health.status !== 'up') return null;
  // The monitor's look may be older than the opening: the agent's word at this generation decides.
  if (word?.report.generation !== t.generation || word.report.look?.readOnly !== true) return null;
  const reason = `${t.writer} is closed although it is the writer (restarted?)`;
  return { says: reason, change: begin(s, t, { kind: 'reopen', from: t.writer, to: t.writer, reason }) };
}

function switchOver(s: Situation): Outcome | null {
  const t = s.topology;
  const request = s.requests.find((r) => r.verb === 'switchover');
  if (t === null || t.writer === null || request === undefined) return null;
  const from = t.writer;
  const { to, refusals } = preflight(s, t, from, request.to);
  if (to === null || refusals.length > 0) {
    // A fresh identify has not heard everybody yet: it does not say no on that account.
    return s.watchedMs < FRESH_MS ? null : refuse(t, request, refusals.join('; '));
  }
  const reason = `asked by ${request.by}`;
  return {
    says: `switchover to ${to} ${reason}`,
    change: begin(s, t, {
      kind: 'switchover',
      from,
      to,
      reason,
      request: { id: request.id, verb: request.verb, by: request.by },
    }),
  };
}

function keepMembers(s: Situation): Outcome | null {
  const t = s.topology;
  return t === null ? null : memberChanges(s, t);
}

function keepRegister(s: Situation): Outcome | null {
  const t = s.topology;
  if (t === null) return null;
  const coming = s.sidecars
    .filter(({ report, ageMs }) => isRouting(report) && isFresh(ageMs) && !t.sidecars.includes(report.id))
    .map(({ report }) => report.id);
  const leaving = t.sidecars.filter((id) =>
    s.sidecars.some(({ report }) => report.id === id && !isRouting(report)),
  );
  if (coming.length === 0 && leaving.length === 0) return null;
  const sidecars = [...t.sidecars.filter((id) => !leaving.includes(id)), ...coming].sort();
  return {
    says: `registered sidecars: ${sidecars.join(', ') || 'none'}`,
    change: adjust(t, { sidecars, routedBySidecars: t.routedBySidecars || coming.length > 0 }),
  };
}

function followConfiguration(s: Situation): Outcome | null {
  const t = s.topology;
  if (t === null) return null;
  const known = t.members.map((m) => m.address);
  const added = s.cluster.masters.filter((a) => !known.includes(a));
  const removed = known.filter((a) => !s.cluster.masters.includes(a));
  if (t.writer !== null && removed.includes(t.writer)) {
    return {
      says: `the writer ${t.writer} is not in the configuration any more: switch over first`,
      alarm: true,
    };
  }
  // The term of the lease belongs to its generation: the writer and whoever waits for its end must mean the same one.
  const policy = { ...s.cluster.policy, leaseMs: t.policy.leaseMs };
  const samePolicy = JSON.stringify(t.policy) === JSON.stringify(policy);
  if (added.length === 0 && removed.length === 0 && samePolicy && t.tag === s.cluster.tag) return null;
  const members = [
    ...t.members.filter((m) => !removed.includes(m.address)),
    ...added.map((address) => ({ address, role: 'standby', kind: 'master', state: 'unknown' }) as const),
  ];
  const next = { ...t, members, policy, tag: s.cluster.tag, step: t.step + 1 };
  return { says: 'the configuration changed', change: keep(next) };
}
