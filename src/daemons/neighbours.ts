/**
 * What the reports of others say, as far as an agent needs it: which members have an agent on their own machine, and
 * the last look anybody had at each.
 */
import type { Look } from '../core/model.ts';
import { isFresh } from '../core/situation.ts';
import type { Clock, ClusterState } from '../ports.ts';

export interface Neighbours {
  note(uniqsign: string, state: ClusterState): void;
  /** The live agent on the machine of a member; null: none, or it is this agent itself. */
  localAgentOf(uniqsign: string, address: string): string | null;
  /** By address; kept when its owner is gone. */
  looks(uniqsign: string): ReadonlyMap<string, Look>;
}

/** `id`: our own. */
export function createNeighbours(id: string, clock: Clock): Neighbours {
  const locals = new Map<string, string>();
  const heard = new Map<string, { readonly seq: number; readonly atMs: number }>();
  const looks = new Map<string, Map<string, Look>>();

  function note(uniqsign: string, state: ClusterState): void {
    const known = looks.get(uniqsign) ?? new Map<string, Look>();
    looks.set(uniqsign, known);
    for (const { members } of state.facts) keepLooks(known, members);
    for (const report of state.agents) {
      if (report.id === id) continue;
      const key = `${uniqsign} ${report.id}`;
      if (heard.get(key)?.seq !== report.seq) heard.set(key, { seq: report.seq, atMs: clock.now() });
      keepLooks(known, report.members);
      for (const [address, { local }] of Object.entries(report.members)) {
        const member = `${uniqsign} ${address}`;
        if (local) locals.set(member, report.id);
        else if (locals.get(member) === report.id) locals.delete(member);
      }
    }
  }

  return {
    note,
    localAgentOf(uniqsign, address) {
      const agent = locals.get(`${uniqsign} ${address}`);
      const last = heard.get(`${uniqsign} ${agent ?? ''}`);
      return agent !== undefined && last !== undefined && isFresh(clock.now() - last.atMs) ? agent : null;
    },
    looks: (uniqsign) => looks.get(uniqsign) ?? new Map(),
  };
}

function keepLooks(known: Map<string, Look>, members: Readonly<Record<string, { look: Look | null }>>): void {
  for (const [address, { look }] of Object.entries(members)) if (look !== null) known.set(address, look);
}
