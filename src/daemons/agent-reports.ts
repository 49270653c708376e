/** Tells Redis what the agent did with the members of each cluster: at once when that is news, and each second. */
import { leaseWaitMs } from '../core/held-lease.ts';
import type { AgentReport, Look, MemberReport, Topology } from '../core/model.ts';
import type { Clock, Hub, Memory } from '../ports.ts';

export interface AgentReports {
  note(uniqsign: string, address: string, report: MemberReport): void;
  /** `t`: what the agent goes by; null: nothing. */
  publish(uniqsign: string, t: Topology | null): Promise<void>;
  /** The last look at each member. */
  looks(uniqsign: string): ReadonlyMap<string, Look>;
}

/** Reports are repeated this often, so that a live agent can be told from a dead one. */
export const REPORT_MS = 1000;

export function createAgentReports(options: {
  readonly id: string;
  readonly blocks: boolean;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly memory: Memory;
}): AgentReports {
  const { hub, clock, memory } = options;
  const reports = new Map<string, Map<string, MemberReport>>();
  const reported = new Map<string, { text: string; ms: number }>();
  let seq = 0;

  async function publish(uniqsign: string, t: Topology | null): Promise<void> {
    const known = reports.get(uniqsign) ?? new Map<string, MemberReport>();
    if (t === null && known.size === 0) return;
    const news = newsOf(known, t);
    const before = reported.get(uniqsign);
    if (before?.text === news && clock.now() - before.ms < REPORT_MS - 100) return;
    seq += 1;
    await hub.putAgentReport(uniqsign, asReport(uniqsign, t, known));
    reported.set(uniqsign, { text: news, ms: clock.now() });
  }

  function asReport(
    uniqsign: string,
    t: Topology | null,
    known: ReadonlyMap<string, MemberReport>,
  ): AgentReport {
    const about = t?.phase === 'closing' ? t.from : (t?.to ?? t?.writer);
    const latest = known.get(about ?? '') ?? [...known.values()][0];
    return {
      v: 1,
      id: options.id,
      serves: [...known.keys()],
      generation: latest?.generation ?? t?.generation ?? 0,
      step: latest?.step ?? t?.step ?? 0,
      floor: memory.floor(uniqsign),
      did: latest?.did ?? 'watching',
      position: latest?.look?.history ?? null,
      seq,
      members: Object.fromEntries(known),
      blocks: options.blocks,
    };
  }

  return {
    publish,
    note(uniqsign, address, report) {
      const known = reports.get(uniqsign) ?? new Map<string, MemberReport>();
      reports.set(uniqsign, known.set(address, report));
    },
    looks: (uniqsign) =>
      new Map(
        [...(reports.get(uniqsign) ?? [])].flatMap(([address, { look }]) =>
          look === null ? [] : [[address, look] as const],
        ),
      ),
  };
}

/** What somebody waits for. */
function newsOf(known: ReadonlyMap<string, MemberReport>, t: Topology | null): string {
  const enoughMs = t === null ? Number.POSITIVE_INFINITY : leaseWaitMs(t);
  return JSON.stringify(
    [...known].map(([address, r]) => [
      ...[address, r.generation, r.did, r.detail, r.look?.readOnly, r.accounts],
      ...[r.lockedMs > 0, r.lockedMs >= enoughMs],
    ]),
  );
}
