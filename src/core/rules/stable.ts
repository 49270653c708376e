/**
 * A writer is open. Watch over it: carry out requests, take it back when it restarted closed, replace it
 * when it is dead, and keep the members' states, parked links and the register of sidecars true.
 */
import { withoutAddress } from '../address.ts';
import { bestStandby, unfit, unready } from '../fitness.ts';
import { deathOf, healthOf, isRouting, proofMayCome } from '../gates.ts';
import type { Answer, Request, Topology } from '../model.ts';
import { adjust, begin, keep, type Outcome, type Rule } from '../outcome.ts';
import { FRESH_MS, isFresh, type Situation } from '../situation.ts';
import { failBack } from './failback.ts';
import { memberChanges } from './upkeep.ts';

/** In every phase: a pause may have to be lifted, or a lost sidecar forgotten, to get out of one. */
export const requestRules: readonly Rule[] = [
  { name: 'carry out pause, resume, forget', decide: administrate },
];

export const stableRules: readonly Rule[] = [
  { name: 'reopen the writer that restarted closed', decide: reopen },
  { name: 'replace a dead writer', decide: replaceDead },
  { name: 'carry out a switchover', decide: switchOver },
  { name: "keep the members' states true", decide: keepMembers },
  { name: 'keep the register of sidecars', decide: keepRegister },
  { name: 'follow the configuration', decide: followConfiguration },
  { name: 'give the role back to primaryhost', decide: failBack },
];

function administrate(s: Situation): Outcome | null {
  const t = s.topology;
  const request = s.requests.find((r) => r.verb !== 'switchover');
  if (t === null || request === undefined) return null;
  if (request.verb === 'forget') {
    if (request.sidecar !== null && t.sidecars.includes(request.sidecar))
      return forget(t, request.id, request.sidecar);
    const known = t.sidecars.length === 0 ? 'none is' : `registered: ${t.sidecars.join(', ')}`;
    return refuse(t, request, `sidecar ${request.sidecar} is not registered (${known})`);
  }
  const wanted = request.verb === 'pause' ? { by: request.by } : null;
  const detail = wanted === null ? 'automatic failover is on' : 'automatic failover is off until resume';
  if ((t.paused === null) === (wanted === null)) {
    return { says: detail, answers: [answer(t, request, true, `${detail} already`)] };
  }
  const change = adjust(t, { paused: wanted });
  const told = {
    kind: request.verb,
    generation: t.generation,
    phase: t.phase,
    from: '',
    to: '',
    proof: '',
    loss: '',
    took: '',
  };
  return {
    says: `${request.verb}d by ${request.by}`,
    change: {
      ...change,
      takes: request.id,
      answers: [answer(t, request, true, detail)],
      events: [{ ...told, reason: `asked by ${request.by}`, by: 'mmm-control' }],
    },
  };
}

/** Takes a sidecar off the register. */
function forget(t: Topology, id: string, sidecar: string): Outcome {
  const detail = `sidecar ${sidecar} is forgotten`;
  const change = adjust(t, { sidecars: t.sidecars.filter((known) => known !== sidecar) });
  return {
    says: detail,
    change: { ...change, takes: id, answers: [{ v: 1, id, ok: true, detail, generation: t.generation }] },
  };
}

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

function replaceDead(s: Situation): Outcome | null {
  const t = s.topology;
  if (t === null || t.writer === null) return null;
  const how = deathOf(s, t.writer);
  if (how === null) return null;
  const from = t.writer;
  const health = healthOf(s, from);
  const what = `${from} is dead for ${Math.round(health.forMs)} ms: ${withoutAddress(from, health.reason)}`;
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
  // Where only gate (f) can hold, an early closing would gain nothing.
  if (how === 'silent' && t.sidecars.length === 0 && health.forMs < s.cluster.policy.silenceMs) {
    return { says: `${from} is silent, waiting for silence (${s.cluster.policy.silenceMs} ms)`, alarm: true };
  }
  return {
    says: what,
    alarm: true,
    change: begin(s, t, { kind: 'failover', from, to: best.address, reason: what }),
  };
}

function switchOver(s: Situation): Outcome | null {
  const t = s.topology;
  const request = s.requests.find((r) => r.verb === 'switchover');
  if (t === null || t.writer === null || request === undefined) return null;
  const from = t.writer;
  const chosen = chooseTarget(s, t, request, from);
  if ('why' in chosen) {
    // A fresh identify has not heard everybody yet: it does not say no on that account.
    return s.watchedMs < FRESH_MS ? null : refuse(t, request, chosen.why);
  }
  const reason = `asked by ${request.by}`;
  return {
    says: `switchover to ${chosen.to} ${reason}`,
    change: begin(s, t, {
      kind: 'switchover',
      from,
      to: chosen.to,
      reason,
      request: { id: request.id, verb: request.verb, by: request.by },
    }),
  };
}

function chooseTarget(
  s: Situation,
  t: Topology,
  request: Request,
  from: string,
): { readonly to: string } | { readonly why: string } {
  const obstacle = unready(s, from);
  if (obstacle !== null) return { why: obstacle };
  if (request.to !== null) {
    const why = unfit(s, t, request.to, { from, planned: true });
    return why === null ? { to: request.to } : { why };
  }
  const best = bestStandby(s, t, { from, planned: true });
  return 'address' in best ? { to: best.address } : { why: best.reasons.join('; ') };
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
  const samePolicy = JSON.stringify(t.policy) === JSON.stringify(s.cluster.policy);
  if (added.length === 0 && removed.length === 0 && samePolicy && t.tag === s.cluster.tag) return null;
  const members = [
    ...t.members.filter((m) => !removed.includes(m.address)),
    ...added.map((address) => ({ address, role: 'standby', kind: 'master', state: 'unknown' }) as const),
  ];
  const next = { ...t, members, policy: s.cluster.policy, tag: s.cluster.tag, step: t.step + 1 };
  return { says: 'the configuration changed', change: keep(next) };
}

function refuse(t: Topology, request: Request, detail: string): Outcome {
  return { says: `${request.verb} refused: ${detail}`, answers: [answer(t, request, false, detail)] };
}

function answer(t: Topology, request: Request, ok: boolean, detail: string): Answer {
  return { v: 1, id: request.id, ok, detail, generation: t.generation };
}
