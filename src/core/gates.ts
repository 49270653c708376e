/**
 * When is it certain that the old writer takes no more writes?
 *
 * (a) its agent reports it closed, at this very generation;
 * (b) its mysqld is gone. By the agent beside it: it has seen the process end, the server is known to start closed,
 *     and it will not open it again at its generation. By the monitors: refused for `confirm` by the majority, no
 *     peer hears it any more. That is a proof only for a server known to start closed, otherwise (`b-weak`) a risk;
 * (c) its lease has surely ended: since this handover began nobody could renew it, W has passed by our own stopwatch,
 *     and the agent of the new writer has held the promotion lock for W. Only where the last renewal said that the
 *     server closes itself when its agent dies;
 * (d) `fence_cmd` says that it has put it out of service;
 * (e) it is dead (or came back and cannot be looked at), and every registered sidecar, at least one, has cut it
 *     at this generation: nobody is routed to it;
 * (f) it has been silent for `try_times` probes and for `silence`, and no peer hears it.
 * Last, a person may answer for it (`operator`, under every policy), while nobody hears of it.
 *
 * `strict` accepts (a), (c), (d) and the (b) of the agent beside it. `routed` also (b) by the monitors and (e); b-weak
 * and (f) only where no sidecar was ever registered. `none` accepts all. (e), (f) and b-weak leave a split-brain
 * risk, and are reported as such. While the agent beside a server reports, and sees it or keeps its lease, neither
 * monitors nor the cut prove anything about it.
 */
import { hasReleased, leaseWaitMs, mayExpire } from './held-lease.ts';
import type { History, MemberReport, Proof, SidecarReport, Topology } from './model.ts';
import { isFresh, type Situation } from './situation.ts';
import { deathOf, healthOf, wasHeard } from './witness.ts';

export { deathOf, healthOf } from './witness.ts';

/** Either a proof (null: nobody has to be closed), or what every gate still waits for. */
export type Gate = { readonly proof: Proof | null } | { readonly waitsFor: readonly string[] };

/** Proofs after which two writers are still conceivable. */
export function isRisk(proof: Proof | null): boolean {
  return proof === 'e' || proof === 'f' || proof === 'b-weak' || proof === 'operator';
}

/** Looks for a proof that every member which must be closed in this handover is closed. */
export function gate(s: Situation, t: Topology): Gate {
  const proofs: Proof[] = [];
  for (const address of mustBeClosed(s, t)) {
    const found = gateOf(s, t, address);
    if ('waitsFor' in found) return found;
    if (found.proof !== null) proofs.push(found.proof);
  }
  const order: readonly Proof[] = ['operator', 'f', 'b-weak', 'e', 'c', 'd', 'b', 'a'];
  return { proof: order.find((proof) => proofs.includes(proof)) ?? null };
}

/** Whether a proof for `address` is present or can come without its agent: otherwise closing is in vain. */
export function proofMayCome(s: Situation, t: Topology, address: string): boolean {
  const { fencing } = s.cluster.policy;
  if (fencing === 'none' || s.cluster.canFence) return true;
  if (hasReleased(s, t, address) || mayExpire(s, t, address) || isSaidGone(s, address)) return true;
  if (fencing === 'strict') return false;
  if (healthOf(s, address).status === 'refused' && startsClosed(s, address)) return true;
  if (!t.routedBySidecars) return true;
  // One that is registered and silent would never cut: closing would be an outage of our own making.
  return t.sidecars.length > 0 && t.sidecars.every((id) => isLive(s, id));
}

/** What the agent says of a member at this generation. */
export function wordAt(s: Situation, t: Topology, address: string): MemberReport | null {
  const word = s.agents.get(address)?.report;
  return word !== undefined && word.generation === t.generation ? word : null;
}

/** The end of history of a member that its agent has closed at this generation. */
export function closedHistory(s: Situation, t: Topology, address: string): History | null {
  const word = wordAt(s, t, address);
  return word?.did === 'closed' ? (word.look?.history ?? null) : null;
}

function mustBeClosed(s: Situation, t: Topology): readonly string[] {
  if (t.kind === 'bootstrap') return s.cluster.masters.filter((address) => address !== t.to);
  // A writer that is opened again need not be closed first, nor anybody whom no handover asked to open.
  return t.from === null || t.from === t.to ? [] : [t.from];
}

/** A proof, or in words what is waited for; null: this gate can never hold here. */
type Finding = { readonly proof: Proof } | string | null;

const gates: readonly ((s: Situation, t: Topology, address: string) => Finding)[] = [
  byItsAgent,
  goneForItsAgent,
  goneForMonitors,
  byItsLease,
  byFencing,
  byTheCut,
  bySilence,
  byOperator,
];

function gateOf(s: Situation, t: Topology, address: string): Gate {
  const waitsFor: string[] = [];
  for (const ask of gates) {
    const found = ask(s, t, address);
    if (typeof found === 'string') waitsFor.push(found);
    else if (found !== null) return found;
  }
  return { waitsFor };
}

function byItsAgent(s: Situation, t: Topology, address: string): Finding {
  if (wordAt(s, t, address)?.did === 'closed') return { proof: 'a' };
  const said = s.agents.get(address)?.report.detail || 'none yet';
  return `(a) the agent's report that ${address} is closed (${said})`;
}

/** It will say so at the next generation too. */
function isSaidGone(s: Situation, address: string): boolean {
  const word = s.agents.get(address)?.report;
  return word?.did === 'gone' && word.local;
}

function goneForItsAgent(s: Situation, t: Topology, address: string): Finding {
  const word = wordAt(s, t, address);
  const isGone = word?.did === 'gone' && word.local;
  return isGone || hasReleased(s, t, address) ? { proof: 'b' } : null;
}

function goneForMonitors(s: Situation, t: Topology, address: string): Finding {
  const { fencing, confirmMs } = s.cluster.policy;
  if (fencing === 'strict') return `(b) the word of an agent beside ${address} that its server is gone`;
  // It would have told that the server is gone: a refused connection may be a firewall, or a slow end.
  if (isAttended(s, t, address)) return `(b) the agent beside ${address} telling that its server is gone`;
  if (deathOf(s, address) !== 'refused') {
    return `(b) ${address} refusing connections for ${confirmMs} ms with no peer hearing it`;
  }
  if (startsClosed(s, address)) return { proof: 'b' };
  if (fencing === 'none' || !t.routedBySidecars) return { proof: 'b-weak' };
  return `(b) it is not known whether ${address} starts closed`;
}

function byItsLease(s: Situation, t: Topology, address: string): Finding {
  if (t.to === null || address !== t.from || t.incarnation !== s.incarnation) return null;
  if (!mayExpire(s, t, address)) return null;
  if (isSeenOpen(s, address)) return `(c) ${address} is seen to accept writes: its lease proves nothing`;
  const waitMs = leaseWaitMs(t);
  const lockedMs = wordAt(s, t, t.to)?.lockedMs ?? 0;
  if (s.phaseMs >= waitMs && lockedMs >= waitMs) return { proof: 'c' };
  const rest = Math.max(0, waitMs - Math.min(s.phaseMs, lockedMs));
  const locked = lockedMs > 0 ? '' : `, once mmm-agent holds the promotion lock on ${t.to}`;
  return `(c) the end of the lease of ${address}, in ${Math.round(rest)} ms${locked}`;
}

function byFencing(s: Situation, t: Topology, address: string): Finding {
  if (!s.cluster.canFence) return null;
  const { fence } = s;
  if (fence === null || fence.generation !== t.generation || fence.address !== address) {
    return `(d) fence_cmd, which was not run yet`;
  }
  if (fence.outcome === 'done') return { proof: 'd' };
  return fence.outcome === 'running' ? '(d) fence_cmd, which runs' : `(d) fence_cmd failed: ${fence.detail}`;
}

function byTheCut(s: Situation, t: Topology, address: string): Finding {
  if (!mayBeRisked(s, t, address)) return null;
  const missing = t.sidecars.filter((id) => !hasCut(s, t, id));
  if (t.sidecars.length > 0 && missing.length === 0) return { proof: 'e' };
  return t.sidecars.length === 0
    ? '(e) there is no registered sidecar'
    : `(e) the cut by ${missing.map((id) => `sidecar ${id}`).join(', ')}`;
}

function bySilence(s: Situation, t: Topology, address: string): Finding {
  const { fencing, silenceMs } = s.cluster.policy;
  if (!mayBeRisked(s, t, address) || (fencing !== 'none' && t.routedBySidecars)) return null;
  const isSilent = deathOf(s, address) === 'silent' && healthOf(s, address).forMs >= silenceMs;
  return isSilent ? { proof: 'f' } : `(f) ${address} silent for ${silenceMs} ms with no peer hearing it`;
}

function byOperator(s: Situation, t: Topology, address: string): Finding {
  if (t.vouched?.closed !== true) return null;
  return looksOff(s, address)
    ? { proof: 'operator' }
    : `nobody hearing of ${address}, for which ${t.vouched.by} answers`;
}

/**
 * Nobody sees it alive just now: no monitor for longer than a moment, no agent beside it, and no peer received anything.
 * Somebody who says that it is off may be right. Heartbeats of a peer may be far apart: only what it got counts.
 */
export function looksOff(s: Situation, address: string): boolean {
  const { status, forMs, failures } = healthOf(s, address);
  const { confirmMs, freezeMs, tryTimes } = s.cluster.policy;
  const isMute =
    (status === 'refused' && forMs >= confirmMs) ||
    (status === 'silent' && forMs >= freezeMs && failures >= tryTimes);
  const word = s.agents.get(address)?.report;
  return isMute && !(word?.local === true && word.look !== null) && !wasHeard(s, address);
}

/** One that lives can be closed by its agent, and only that tells where its history ends. */
function mayBeRisked(s: Situation, t: Topology, address: string): boolean {
  // The agent beside it is about to end it: its word comes soon, or else the end of the lease.
  if (s.cluster.policy.fencing === 'strict' || isAttended(s, t, address)) return false;
  return deathOf(s, address) !== null || (t.kind === 'failover' && healthOf(s, address).status === 'faulty');
}

/** The agent beside it reports, and either sees the server or keeps a lease that ends by itself. */
function isAttended(s: Situation, t: Topology, address: string): boolean {
  const word = s.agents.get(address)?.report;
  return word?.local === true && (word.look !== null || mayExpire(s, t, address));
}

function isSeenOpen(s: Situation, address: string): boolean {
  const looks = [healthOf(s, address).look, s.agents.get(address)?.report.look];
  return looks.some((look) => look?.readOnly === false);
}

function hasCut(s: Situation, t: Topology, id: string): boolean {
  return s.sidecars.some(
    ({ report, ageMs }) =>
      report.id === id && report.generation === t.generation && report.did === 'cut' && isFresh(ageMs),
  );
}

/** Whether a sidecar reports at all. */
export function isLive(s: Situation, id: string): boolean {
  return s.sidecars.some(({ report, ageMs }) => report.id === id && isFresh(ageMs));
}

/** A sidecar that leads clients somewhere: its cut can be waited for. */
export function isRouting(report: SidecarReport): boolean {
  return !report.leaving && report.serves.length > 0;
}

/** The agent that reports on it sits beside it. */
export function isLocal(s: Situation, address: string): boolean {
  return s.agents.get(address)?.report.local === true;
}

function startsClosed(s: Situation, address: string): boolean {
  return s.agents.get(address)?.report.startsClosed === true;
}
