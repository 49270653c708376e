/**
 * What a handover waits for, in words for whoever looks at it: from the topology and the reports alone. What decides
 * are the gates; this names the party to look at.
 */
import { leaseTimes } from './lease.ts';
import type { MemberReport, Topology } from './model.ts';
import type { StatusInput } from './status.ts';

/** One sentence for each thing that is missing; empty when stable. */
export function waitingFor(input: StatusInput): readonly string[] {
  const { topology } = input;
  if (topology === null || topology.phase === 'stable') return [];
  if (topology.phase === 'halted') return [halted(topology)];
  const { phase, to } = topology;
  const late = mustBeClosed(topology).filter((address) => wordOn(input, topology, address)?.did !== 'closed');
  if (phase === 'closing' && late.length > 0) {
    return late.flatMap((address) => [
      agentMust('close', input, topology, address),
      ...cut(input, topology, address),
      ...lease(input, topology, address),
    ]);
  }
  return to === null || (phase === 'closing' && wordOn(input, topology, to) !== undefined)
    ? []
    : [agentMust(phase === 'closing' ? 'look at' : 'open', input, topology, to)];
}

/** A writer that is opened again, or one that nobody was asked to open, need not be closed. */
function mustBeClosed({ kind, from, to, members }: Topology): readonly string[] {
  if (kind === 'bootstrap') {
    return members.filter((m) => m.kind === 'master' && m.address !== to).map(({ address }) => address);
  }
  return from === null || from === to ? [] : [from];
}

function agentMust(what: string, input: StatusInput, t: Topology, address: string): string {
  const word = wordOn(input, t, address);
  const said =
    word === undefined ? 'no word from it yet' : [word.did, word.detail].filter(Boolean).join(', ');
  return `waiting for mmm-agent to ${what} ${address}: ${said}`;
}

/** Sidecars prove something only when the old writer is gone, and never under `strict`. */
function cut(input: StatusInput, t: Topology, address: string): readonly string[] {
  if (t.policy.fencing === 'strict' || !isGone(input, t, address)) return [];
  if (t.sidecars.length === 0) {
    return t.routedBySidecars ? ['no sidecar is registered that could cut the old writer off'] : [];
  }
  const missing = t.sidecars.filter((id) => !input.sidecars.some((report) => hasCut(report, id, t)));
  return missing.map((id) => `waiting for sidecar ${id} to cut the old writer off`);
}

/** An armed lease ends by itself; until it surely has, the lock keeps everybody else from opening. */
function lease(input: StatusInput, t: Topology, address: string): readonly string[] {
  const { holder, armed, generation } = input.lease ?? {};
  if (holder !== address || armed !== true || generation === undefined || generation >= t.generation)
    return [];
  const { waitMs } = leaseTimes(Math.max(t.policy.leaseMs, t.heldMs));
  const lockedMs = t.to === null ? 0 : (wordOn(input, t, t.to)?.lockedMs ?? 0);
  const held = lockedMs === 0 ? 'is not held yet' : `is held for ${seconds(lockedMs)}`;
  return [
    `or until the lease of ${address} has surely ended: the promotion lock on ${t.to} ${held} of ${seconds(waitMs)}`,
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function hasCut(report: StatusInput['sidecars'][number], id: string, t: Topology): boolean {
  return report.id === id && report.did === 'cut' && report.generation === t.generation;
}

function isGone({ facts }: StatusInput, t: Topology, address: string): boolean {
  const seen = facts.flatMap(({ members }) => members[address]?.status ?? []);
  if (seen.length === 0 || seen.includes('up')) return false;
  return t.kind === 'failover' || !seen.includes('faulty');
}

function halted({ kind, from, to }: Topology): string {
  const last = kind === 'failover' || kind === 'switchover' ? from : to;
  return `waiting until that is mended${last === null ? '' : `, or ${last} is back with everything`}`;
}

/** What an agent says of a member at this generation. */
function wordOn({ agents }: StatusInput, t: Topology, address: string): MemberReport | undefined {
  return agents.flatMap(({ members }) => members[address] ?? []).find((w) => w.generation === t.generation);
}
