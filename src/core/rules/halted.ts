/**
 * Halted: nobody takes writes, and a person is told why. Decided again on every change of the facts: when the
 * last writer is back with everything, or what kept its standby shut is gone, the cluster goes on by itself.
 */
import { bestStandby, whoHoldsMore } from '../fitness.ts';
import { closedHistory, deathOf, healthOf, isRisk } from '../gates.ts';
import { isContained } from '../history.ts';
import type { Topology } from '../model.ts';
import { begin, type Outcome, openAtOnce, type Rule } from '../outcome.ts';
import type { Situation } from '../situation.ts';
import { lastWriter } from './failover-pair.ts';

/** Between two attempts to open the same server, and to promote a standby, after the last one failed. */
const REVIVE_MS = 10_000;
const RETRY_MS = 3000;

export const haltedRules: readonly Rule[] = [
  {
    name: 'halted: take the last writer back',
    when: 'the last writer is back, closed, and lacks nothing a standby holds',
    decide: reviveLastWriter,
  },
  {
    name: 'halted: try the standby again',
    when: 'a standby is fit, and the last writer is dead or has nothing more',
    decide: retryStandby,
  },
  { name: 'halted: wait', when: 'neither of the two before', decide: stayHalted },
];

function reviveLastWriter(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'halted') return null;
  const last = lastWriter(t);
  // What failed just now is not tried again at once: each attempt cuts every reader.
  if (last === null || (t.to === last && s.phaseMs < REVIVE_MS)) return null;
  const mine = closedHistory(s, t, last);
  if (mine === null || whoHoldsMore(s, t, last, mine) !== null) return null;
  const reason = `${last} is back and holds everything`;
  // The other may have been opened without anybody hearing of it: then it must be proven closed first.
  const maybeOpen = t.to !== null && t.to !== last ? t.to : last;
  const kind = maybeOpen === last ? 'reopen' : 'undo';
  return { says: reason, change: begin(s, t, { kind, from: maybeOpen, to: last, reason }) };
}

function retryStandby(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'halted' || t.kind === 'bootstrap' || t.paused !== null || s.phaseMs < RETRY_MS)
    return null;
  const last = lastWriter(t);
  if (last === null) return null;
  const best = bestStandby(s, t, { from: last, planned: false });
  if ('reasons' in best || !(deathOf(s, last) !== null || isSurpassed(s, t, last, best.address))) return null;
  const reason = `what halted the last attempt is gone (${t.reason})`.slice(0, 500);
  const handover = { kind: 'failover', from: last, to: best.address, reason } as const;
  return { says: reason, change: again(s, t, handover) ?? begin(s, t, handover) };
}

/** What proved a dead writer closed the last time still does: nobody has let it open since. */
function again(
  s: Situation,
  t: Topology,
  handover: Parameters<typeof openAtOnce>[2],
): ReturnType<typeof openAtOnce> | null {
  const { proof, position } = t;
  const isSame = handover.from === t.from && handover.to === t.to && deathOf(s, handover.from) !== null;
  return isSame && proof !== null && !isRisk(proof) ? openAtOnce(s, t, handover, { proof, position }) : null;
}

/** The last writer is back and closed, and the standby holds all that it holds. */
function isSurpassed(s: Situation, t: Topology, last: string, standby: string): boolean {
  const mine = closedHistory(s, t, last);
  const look = healthOf(s, standby).look;
  return mine !== null && look !== null && isContained(mine, look.history);
}

function stayHalted(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'halted') return null;
  return { says: `halted, nobody takes writes: ${t.reason}`, alarm: true };
}
