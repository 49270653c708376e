/**
 * Everything that is asked before a planned switchover touches anything: what forbids it, and what whoever asks for
 * it should know. `mmm-control switchover --dry-run` prints the same.
 */
import { bestStandby, unfit, unready } from './fitness.ts';
import { healthOf, isLive } from './gates.ts';
import type { Look, Topology } from './model.ts';
import { linkFrom, type Situation } from './situation.ts';

export interface Preflight {
  readonly from: string;
  /** Who would be opened; null: nobody can. */
  readonly to: string | null;
  /** Each forbids it; empty: it may begin. */
  readonly refusals: readonly string[];
  /** What does not forbid it. */
  readonly remarks: readonly string[];
}

/** Asks everything of a switchover away from `from`, to `wanted` or to the best standby. */
export function preflight(s: Situation, t: Topology, from: string, wanted: string | null): Preflight {
  const notReady = unready(s, from);
  const look = healthOf(s, from).look;
  const found = target(s, t, from, wanted);
  const to = 'to' in found ? found.to : null;
  return {
    from,
    to,
    refusals: [
      ...(notReady === null ? [] : [notReady]),
      ...(look === null ? [] : hazards(look, from, t.policy.writePauseMs)),
      ...('to' in found ? [] : found.why),
    ],
    remarks: [...unknowns(look, from), ...(to === null ? [] : lag(s, from, to)), ...silentSidecars(s, t)],
  };
}

function target(
  s: Situation,
  t: Topology,
  from: string,
  wanted: string | null,
): { readonly to: string } | { readonly why: readonly string[] } {
  if (wanted !== null) {
    const why = unfit(s, t, wanted, { from, planned: true });
    return why === null ? { to: wanted } : { why: [why] };
  }
  const best = bestStandby(s, t, { from, planned: true });
  return 'address' in best ? { to: best.address } : { why: best.reasons };
}

/** Clients would wait for these longer than they may. */
function hazards(look: Look, from: string, budgetMs: number): readonly string[] {
  const { longest = null, prepared = null } = look.hazards ?? {};
  const found: string[] = [];
  if (longest !== null && longest.seconds * 1000 > budgetMs) {
    found.push(
      `connection ${longest.session} of ${longest.user} on ${from} has had a transaction open for ${longest.seconds} s, more than write_pause_budget (${budgetMs / 1000} s): let it end, or KILL ${longest.session}`,
    );
  }
  if (prepared !== null && prepared > 0) {
    const what = prepared === 1 ? '1 XA transaction is' : `${prepared} XA transactions are`;
    found.push(`${what} prepared on ${from}: XA COMMIT or XA ROLLBACK first, XA RECOVER lists them`);
  }
  return found;
}

function unknowns(look: Look | null, from: string): readonly string[] {
  if (look === null) return [];
  if (look.hazards === undefined)
    return [`long and prepared transactions on ${from} cannot be seen (GRANT PROCESS)`];
  return look.hazards.prepared === null
    ? [`prepared XA transactions on ${from} cannot be seen (GRANT XA_RECOVER_ADMIN)`]
    : [];
}

function lag(s: Situation, from: string, to: string): readonly string[] {
  const link = linkFrom(healthOf(s, to).look, from, s.lastLook.get(from));
  return (link?.lagSeconds ?? 0) > 0
    ? [`${to} is ${link?.lagSeconds} s behind: the switchover is undone when it has not caught up in time`]
    : [];
}

function silentSidecars(s: Situation, t: Topology): readonly string[] {
  return t.sidecars
    .filter((id) => !isLive(s, id))
    .map((id) => `sidecar ${id} is registered but does not report: its clients would not follow`);
}
