/**
 * When is it certain that the old writer takes no more writes?
 *
 * (a) its agent reports it closed, at this very generation;
 * (b) its mysqld is gone: refused for `confirm` by the majority, no peer hears it any more. A proof only for
 *     a server known to start closed; otherwise (`b-weak`) a risk;
 * (e) it is dead (or came back and cannot be looked at), and every registered sidecar, at least one, has cut it
 *     at this generation: nobody is routed to it;
 * (f) it has been silent for `try_times` probes and for `silence`, and no peer hears it.
 *
 * `strict` accepts (a) and (b). `routed` also (e); b-weak and (f) only where no sidecar was ever registered.
 * `none` accepts all. (e), (f) and b-weak leave a split-brain risk, and are reported as such.
 */
import type { History, MemberReport, Proof, SidecarReport, Topology } from './model.ts';
import { type Health, hears, isFresh, linkFrom, type Situation, UNKNOWN } from './situation.ts';

/** Either a proof (null: nobody has to be closed), or what every gate still waits for. */
export type Gate = { readonly proof: Proof | null } | { readonly waitsFor: readonly string[] };

/** Proofs after which two writers are still conceivable. */
export function isRisk(proof: Proof | null): boolean {
  return proof === 'e' || proof === 'f' || proof === 'b-weak';
}

/** Looks for a proof that every member which must be closed in this handover is closed. */
export function gate(s: Situation, t: Topology): Gate {
  const proofs: Proof[] = [];
  for (const address of mustBeClosed(s, t)) {
    const found = gateOf(s, t, address);
    if ('waitsFor' in found) return found;
    if (found.proof !== null) proofs.push(found.proof);
  }
  const order: readonly Proof[] = ['f', 'b-weak', 'e', 'b', 'a'];
  return { proof: order.find((proof) => proofs.includes(proof)) ?? null };
}

/** Whether a proof for `address` is present or can come without its agent: otherwise closing is in vain. */
export function proofMayCome(s: Situation, t: Topology, address: string): boolean {
  const status = healthOf(s, address).status;
  if (s.cluster.policy.fencing === 'none') return true;
  if (status === 'refused' && startsClosed(s, address)) return true;
  if (s.cluster.policy.fencing === 'strict') return false;
  if (!t.routedBySidecars) return true;
  // One that is registered and silent would never cut: closing would be an outage of our own making.
  return t.sidecars.length > 0 && t.sidecars.every((id) => isLive(s, id));
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

/** The health of a member; unknown when no monitor reports. */
export function healthOf(s: Situation, address: string): Health {
  return s.health.get(address) ?? UNKNOWN;
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

function gateOf(s: Situation, t: Topology, address: string): Gate {
  const word = s.agents.get(address);
  if (wordAt(s, t, address)?.did === 'closed') return { proof: 'a' };
  const { policy } = s.cluster;
  const waitsFor = [
    `(a) the agent's report that ${address} is closed (${word?.report.detail || 'none yet'})`,
  ];
  const death = deathOf(s, address);
  const neverRouted = !t.routedBySidecars;
  if (death === 'refused') {
    if (startsClosed(s, address)) return { proof: 'b' };
    if (policy.fencing === 'none' || (policy.fencing === 'routed' && neverRouted)) return { proof: 'b-weak' };
    waitsFor.push(`(b) it is not known whether ${address} starts closed`);
  } else {
    waitsFor.push(`(b) ${address} refusing connections for ${policy.confirmMs} ms with no peer hearing it`);
  }
  // One that lives can be closed by its agent, and only that tells where its history ends.
  const isGone = death !== null || (t.kind === 'failover' && healthOf(s, address).status === 'faulty');
  if (policy.fencing === 'strict' || !isGone) return { waitsFor };
  const missing = t.sidecars.filter((id) => !hasCut(s, t, id));
  if (t.sidecars.length > 0 && missing.length === 0) return { proof: 'e' };
  waitsFor.push(
    t.sidecars.length === 0
      ? '(e) there is no registered sidecar'
      : `(e) the cut by ${missing.map((id) => `sidecar ${id}`).join(', ')}`,
  );
  const silentLong = death === 'silent' && healthOf(s, address).forMs >= policy.silenceMs;
  if (policy.fencing === 'none' || neverRouted) {
    if (silentLong) return { proof: 'f' };
    waitsFor.push(`(f) ${address} silent for ${policy.silenceMs} ms with no peer hearing it`);
  }
  return { waitsFor };
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

function startsClosed(s: Situation, address: string): boolean {
  return s.agents.get(address)?.report.startsClosed === true;
}

/** A peer that still receives from `address` proves that it lives. */
function someoneHears(s: Situation, address: string): boolean {
  return s.cluster.masters.some((peer) => {
    if (peer === address) return false;
    const link = linkFrom(healthOf(s, peer).look, address, s.lastLook.get(address));
    return link !== undefined && hears(link);
  });
}
