/**
 * The way back to primaryhost, with `failback=auto`, as a planned switchover like any other.
 *
 * Only after a failover nobody asked for: a writer that a person chose stays until something else changes it. Only
 * when primaryhost has been online for `auto_set_online` in the present generation (so an attempt that was undone
 * is not repeated sooner, nor one begun close to any other change), does not flap, has caught up, and everybody who
 * must follow is there. When in doubt nothing happens: the cluster works as it is.
 */
import { unfit, unready } from '../fitness.ts';
import { healthOf, isLive } from '../gates.ts';
import type { Topology } from '../model.ts';
import { begin, type Outcome } from '../outcome.ts';
import { linkFrom, type Situation } from '../situation.ts';

export function failBack(s: Situation): Outcome | null {
  const t = s.topology;
  const [primary] = s.cluster.masters;
  if (t === null || t.writer === null || primary === undefined || t.writer === primary) return null;
  if (!isWanted(s, t) || !isSteady(s, t, primary)) return null;
  const from = t.writer;
  if (unready(s, from) !== null || unfit(s, t, primary, { from, planned: true }) !== null) return null;
  if (!fitsIntoPause(s, primary, from)) return null;
  const reason = 'failback to primaryhost';
  const change = begin(s, t, { kind: 'switchover', from, to: primary, reason });
  // Taken back when it succeeds.
  const next = { ...change.next, undoneFailbacks: t.undoneFailbacks + 1 };
  return { says: `${reason} ${primary}`, change: { ...change, next } };
}

function isWanted(s: Situation, t: Topology): boolean {
  const { failback, autoSetOnlineMs } = s.cluster.policy;
  return failback === 'auto' && autoSetOnlineMs > 0 && t.failedOver && t.paused === null;
}

function isSteady(s: Situation, t: Topology, primary: string): boolean {
  // One that flaps is fit to take over, but not online.
  const isOnline = t.members.some((m) => m.address === primary && m.state === 'online');
  return (
    isOnline &&
    (s.onlineMs.get(primary) ?? 0) >= waitMs(s, t) &&
    s.requests.length === 0 &&
    t.sidecars.every((id) => isLive(s, id))
  );
}

/** Each attempt that was undone cost a pause of writes: what stood in its way is given twice the time to go away. */
function waitMs(s: Situation, t: Topology): number {
  return s.cluster.policy.autoSetOnlineMs * 2 ** Math.min(t.undoneFailbacks, MOST_DOUBLINGS);
}

const MOST_DOUBLINGS = 6;

/** `max_lag` bounds what a person may ask for; unasked, clients wait for next to nothing. */
function fitsIntoPause(s: Situation, primary: string, from: string): boolean {
  const link = linkFrom(healthOf(s, primary).look, from, s.lastLook.get(from));
  const lagMs = (link?.lagSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  return lagMs <= s.cluster.policy.writePauseMs / 2;
}
