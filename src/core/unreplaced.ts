/** Why a dead writer is not replaced, as far as the documents tell. What decides are the rules of identify. */
import { isSound } from './members.ts';
import type { Topology } from './model.ts';
import type { StatusInput } from './status.ts';

/** One sentence; empty where nothing that is known here forbids it. */
export function whyNotReplaced(input: StatusInput, t: Topology, writer: string): string {
  if (t.paused !== null) return `no failover until resume, paused by ${t.paused.by}`;
  const standbys = t.members.filter(({ address, kind }) => kind === 'master' && address !== writer);
  if (!standbys.some(isSound)) {
    const states = standbys.map(
      ({ address, state }) => `${address} is ${state === 'maintenance' ? 'in maintenance' : state}`,
    );
    return `nobody can take over: ${states.join(', ') || 'there is no other master'}`;
  }
  if (!proofMayCome(input, t, writer)) {
    return `no failover: with fencing=${t.policy.fencing} nothing could prove that it is closed`;
  }
  return '';
}

function proofMayCome(input: StatusInput, t: Topology, writer: string): boolean {
  const { agents, facts, sidecars, lease } = input;
  if (input.canFence || (lease?.holder === writer && (lease.armed || lease.released))) return true;
  if (t.policy.fencing === 'none') return true;
  const isRefused = facts.some(({ members }) => members[writer]?.status === 'refused');
  if (isRefused && agents.some(({ members }) => members[writer]?.startsClosed === true)) return true;
  if (t.policy.fencing === 'strict') return false;
  if (!t.routedBySidecars) return true;
  return t.sidecars.length > 0 && t.sidecars.every((id) => sidecars.some((report) => report.id === id));
}
