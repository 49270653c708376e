/** `mmm-control switchover --dry-run`: the same questions as before a real one, and what would come of it. */
import type { ClusterConfig } from '../config/types.ts';
import { whyNobodyLeads } from '../core/leading.ts';
import type { Topology } from '../core/model.ts';
import { type Preflight, preflight } from '../core/preflight.ts';
import type { Situation } from '../core/situation.ts';
import { HubError } from '../errors.ts';
import type { Hub } from '../ports.ts';
import { lookClosely } from './look-closely.ts';
import { printable } from './print.ts';

/** Prints what a switchover would come to, and changes nothing. Resolves with the exit code: 1 when it would be refused. */
export async function dryRun(hub: Hub, cluster: ClusterConfig, to: string | null): Promise<number> {
  try {
    const { situation, state } = await lookClosely(hub, cluster);
    const { topology: t } = situation;
    const nobody = whyNobodyLeads(state.leader);
    const busy = whyNotNow(t);
    if (t === null || t.writer === null || busy !== null) return tell(cluster, [busy ?? 'nobody writes'], []);
    const found = preflight(situation, t, t.writer, to);
    const refusals = [...(nobody === null ? [] : [nobody]), ...found.refusals];
    return tell(cluster, refusals, [
      ...found.remarks.map((remark) => `note: ${printable(remark)}`),
      ...(refusals.length === 0 ? wouldHappen(situation, t, found) : []),
    ]);
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    return tell(cluster, [error.message], []);
  }
}

function whyNotNow(t: Topology | null): string | null {
  if (t === null) return 'there is no topology: nothing was decided yet, or Redis has lost it';
  if (t.phase === 'stable') return null;
  return `a ${t.kind} is under way (generation ${t.generation}, ${t.phase}): try again when it is stable`;
}

function wouldHappen(s: Situation, t: Topology, { from, to }: Preflight): readonly string[] {
  const clients = s.health.get(from)?.look?.clients ?? 0;
  const sessions = clients === 1 ? '1 session' : `${clients} sessions`;
  const budget = t.policy.writePauseMs / 1000;
  const cut =
    t.sidecars.length === 0 ? '' : `; cut off by ${t.sidecars.map((id) => `sidecar ${id}`).join(', ')}`;
  return [
    `would happen, as generation ${t.generation + 1}:`,
    `  1. ${from} is closed: running statements get ${budget / 2} s, then ${sessions} end${cut}`,
    `  2. ${to} applies the rest, and opens when it holds everything ${from} held`,
    `  3. clients are led to ${to}; what does not fit into ${budget} s (write_pause_budget) is undone`,
  ];
}

function tell({ tag }: ClusterConfig, refusals: readonly string[], more: readonly string[]): number {
  const verdict = refusals.length === 0 ? 'a switchover could begin' : 'a switchover would be refused';
  const lines = [
    `[${tag}] ${verdict}; nothing was changed`,
    ...refusals.map((why) => `  refused: ${printable(why)}`),
    ...more.map((line) => `  ${line}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return refusals.length === 0 ? 0 : 1;
}
