/**
 * Who is opened by a failover that a person asks for, and who must be closed before.
 *
 * During a handover, and after one that halted, it is not only the old writer that may be open: whoever was let open
 * since may be too. Neither opens unless the other is proven closed, or a person answers for it.
 */
import { bestStandby, unfit } from '../fitness.ts';
import { isContained } from '../history.ts';
import type { Request, Topology } from '../model.ts';
import type { Situation } from '../situation.ts';
import { healthOf, lookAt } from '../witness.ts';

export interface Pair {
  /** To be proven closed first; null: nobody. */
  readonly from: string | null;
  readonly to: string;
}

/** Who is to be opened, and who closed; or why nobody can be. */
export function choosePair(s: Situation, t: Topology, request: Request): Pair | { readonly why: string } {
  const last = t.phase === 'stable' ? t.writer : lastWriter(t);
  if (request.to === null) {
    if (last === null || isAmbiguous(t))
      return { why: `which one? Say --to with one of: ${s.cluster.masters.join(', ')}` };
    return chooseBest(s, t, last, request);
  }
  return chooseNamed(s, t, last, { to: request.to, acceptLoss: request.acceptLoss });
}

/** During a handover, or when it has halted: who took writes before it began, as far as that is known. */
export function lastWriter(t: Topology): string | null {
  return t.kind === 'failover' || t.kind === 'switchover' ? (t.from ?? t.to) : t.to;
}

/** Whether `a` holds every transaction of `b`, as far as both can be looked at. */
export function holdsAllOf(s: Situation, a: string, b: string): boolean {
  const mine = lookAt(s, a);
  const theirs = lookAt(s, b);
  return mine !== null && theirs !== null && isContained(theirs.history, mine.history);
}

/** An agent reports on it, and reaches it. */
export function isReached(s: Situation, address: string): boolean {
  const word = s.agents.get(address)?.report;
  return word !== undefined && word.did !== 'unreachable' && word.did !== 'gone';
}

/** What is under way is not plainly one writer replaced by another: either of the two may be meant. */
function isAmbiguous({ phase, kind }: Topology): boolean {
  return phase === 'opening' || (phase === 'closing' && (kind === 'undo' || kind === 'bootstrap'));
}

function chooseBest(
  s: Situation,
  t: Topology,
  last: string,
  { acceptLoss }: Request,
): Pair | { readonly why: string } {
  const options = { from: last, planned: false, acceptLoss };
  const best = bestStandby(s, t, options);
  if ('address' in best) return withoutLoss(s, t, { from: last, to: best.address }, acceptLoss);
  const anyway = bestStandby(s, t, { ...options, acceptLoss: true });
  return { why: withWayOut(best.reasons.join('; '), 'address' in anyway) };
}

function chooseNamed(
  s: Situation,
  t: Topology,
  last: string | null,
  { to, acceptLoss }: { readonly to: string; readonly acceptLoss: boolean },
): Pair | { readonly why: string } {
  const other = s.cluster.masters.find((address) => address !== to) ?? null;
  const isBack = t.phase !== 'stable' && to === last;
  const options = { from: (isBack ? other : last) ?? '', planned: false };
  const anyway = unfit(s, t, to, { ...options, acceptLoss: true });
  // The last writer replicated from nobody: neither its link nor its state as a standby counts.
  const why = isBack ? anyway : unfit(s, t, to, { ...options, acceptLoss });
  if (why !== null) return { why: withWayOut(why, anyway === null) };
  if (!isBack) return withoutLoss(s, t, { from: last, to }, acceptLoss);
  const from = other !== null && (mayBeOpen(s, t, other) || canBeClosed(s, other)) ? other : null;
  return withoutLoss(s, t, { from, to }, acceptLoss);
}

/** While halted nobody writes: what `to` lacks is known before, and is not left to come, or not, within write_pause_budget. */
function withoutLoss(
  s: Situation,
  t: Topology,
  { from, to }: Pair,
  acceptLoss: boolean,
): Pair | { readonly why: string } {
  const isCounted = t.phase === 'halted' && from !== null && lookAt(s, from) !== null;
  if (isCounted && !acceptLoss && !holdsAllOf(s, to, from))
    return { why: withWayOut(`${from} holds transactions that ${to} lacks`, true) };
  return { from, to };
}

function withWayOut(why: string, isAcceptable: boolean): string {
  return isAcceptable ? `${why}. To open it with what it has, whatever is lost, say --accept-loss` : why;
}

/** The one beside the last writer: it was let open, now or in an earlier attempt, or was the writer to be closed. */
function mayBeOpen(s: Situation, t: Topology, address: string): boolean {
  if (t.from === address || s.lease?.holder === address) return true;
  return t.phase === 'closing' ? t.kind === 'bootstrap' : t.to === address;
}

function canBeClosed(s: Situation, address: string): boolean {
  return healthOf(s, address).status === 'up' && isReached(s, address);
}
