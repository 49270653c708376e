/** What a row has shown. */
import { check, type Verdict } from '../support/checker.ts';
import type { DbServer } from '../support/db-server.ts';
import { holdingOf, replicationRests } from '../support/holdings.ts';
import { type Operation, writeGap } from '../support/journal.ts';
import type { Eyes } from './eyes.ts';
import { heldMore } from './held-more.ts';
import type { Row } from './row.ts';
import type { Site } from './site.ts';

/** The verdict of the checker over a site at rest. */
export async function judge(site: Site, journal: readonly Operation[], eyes: Eyes): Promise<Verdict> {
  const { members, writer: address } = await site.stable();
  const [writer, other] = site.a.address === address ? [site.a, site.b] : [site.b, site.a];
  const reported = members.flatMap(({ address, state, extra }) =>
    state === 'diverged' ? [[address, extra?.count ?? 0] as const] : [],
  );
  if (reported.length === 0) await replicationRests([writer, other]);
  return check({
    journal,
    writer: await holdingOf(writer),
    others: [await holdingOf(other)],
    twoWritable: eyes.twoWritable,
    reportedExtra: new Map(reported),
    heldMore: new Map([[other.address, await heldMore(other, writer)]]),
    observed: eyes.taken,
    changes: eyes.changes.length,
  });
}

/** What the row demands beyond what the checker demands of every run. */
export async function broken(
  { expects }: Row,
  site: Site,
  eyes: Eyes,
  before: { readonly generation: number; readonly atMs: number },
): Promise<readonly string[]> {
  const now = await site.stable();
  const problems: string[] = [];
  const wanted: Record<string, DbServer | undefined> = { same: site.a, other: site.b };
  const writer = wanted[expects.writer]?.address ?? now.writer;
  if (now.writer !== writer) problems.push(`the writer is ${now.writer}, it should be ${writer}`);
  if (expects.sameGeneration && now.generation !== before.generation)
    problems.push(`the generation is ${now.generation}, it was ${before.generation}`);
  const failovers = eyes.changes.filter(({ kind }) => kind === 'failover').length;
  if (failovers > expects.failovers) problems.push(`${failovers} failovers, at most ${expects.failovers}`);
  const closings = eyes.turns.filter(
    ({ atMs, server, seen: state }) => atMs >= before.atMs && server === 0 && state === 'closed',
  );
  if (expects.staysOpen && closings.length > 0) problems.push('the writer was closed without need');
  if (eyes.samples < 50) problems.push(`the observer looked only ${eyes.samples} times`);
  return problems;
}

/** In one line, for people. */
export function figures(verdict: Verdict, journal: readonly Operation[], sinceMs: number): string {
  const { gapMs, fromMs, slowestClientMs } = writeGap(
    journal.filter(({ client }) => client < 100),
    sinceMs,
  );
  const gap = `write gap ${Math.round(gapMs)} ms, from ${Math.round(fromMs - sinceMs)} ms on`;
  const { acknowledged, unknown, lost } = verdict;
  return `${gap} (slowest client ${Math.round(slowestClientMs)} ms); acknowledged ${acknowledged}, unknown ${unknown}, lost ${lost} and reported`;
}
