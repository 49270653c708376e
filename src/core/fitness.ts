/**
 * May this standby become the writer? Asked before anything is touched, so that a handover that cannot
 * end well is not begun. The agent asks the final questions again on the server itself.
 */

import { healthOf } from './gates.ts';
import { type Extras, extras, misfit } from './history.ts';
import { isSound } from './members.ts';
import type { History, Topology } from './model.ts';
import { linkFrom, type Situation } from './situation.ts';
import { lookAt } from './witness.ts';

/** `acceptLoss`: a person accepts whatever is lost; then its own state and its link do not count. */
export interface Asked {
  readonly from: string;
  readonly planned: boolean;
  readonly acceptLoss?: boolean;
}

/** Why `address` cannot take over from `from`, or null when it can. `planned` asks for more. */
export function unfit(s: Situation, t: Topology, address: string, options: Asked): string | null {
  const member = t.members.find((m) => m.address === address && m.kind === 'master');
  if (member === undefined) return `${address} is not a master of [${t.tag}]`;
  if (address === options.from) return `${address} is the writer already`;
  const health = healthOf(s, address);
  // In need, while no monitor reports at all, the word of its agent will do.
  const isSeen = health.status === 'up' || (health.status === 'unknown' && !options.planned);
  if (!isSeen || lookAt(s, address) === null) return `${address} does not answer: ${health.reason}`;
  if (member.state === 'diverged') {
    return `${address} is diverged: ${misfit(member.extra ?? { count: 2 }, 'the writer')}`;
  }
  if (member.state === 'maintenance') {
    return `${address} is in maintenance by ${member.maintenance?.by ?? 'somebody'}: set_online first`;
  }
  if (!isSound(member) && t.phase !== 'halted' && options.acceptLoss !== true)
    return `${address} is ${member.state}, not online`;
  if (!s.agents.has(address)) return `no agent has reported on ${address} for 3 s: is mmm-agent running?`;
  // Transactions of its own make it diverged, once a second round of looks agrees: two looks of different age
  // would call a healthy standby errant right after a switchover.
  return options.acceptLoss === true ? null : linkTrouble(s, address, options);
}

/** Why the writer could not be closed in an orderly way now, or null. */
export function unready(s: Situation, writer: string): string | null {
  const { status, reason } = healthOf(s, writer);
  if (status !== 'up') return `the writer ${writer} does not answer: ${reason}`;
  return s.agents.has(writer)
    ? null
    : `no agent has reported on the writer ${writer} for 3 s: is mmm-agent running?`;
}

/** Of the standbys that are fit, the one that holds most; ties in the configuration's order. */
export function bestStandby(
  s: Situation,
  t: Topology,
  options: Asked,
): { readonly address: string } | { readonly reasons: readonly string[] } {
  const reasons: string[] = [];
  let best: string | null = null;
  for (const address of s.cluster.masters.filter((a) => a !== options.from)) {
    const why = unfit(s, t, address, options);
    if (why !== null) reasons.push(why);
    else if (best === null || holdsMore(s, address, best)) best = address;
  }
  return best === null ? { reasons } : { address: best };
}

/** A standby in good standing (compared, and a follower of this writer) that holds `more` than `mine`; null: none. */
export function whoHoldsMore(
  s: Situation,
  t: Topology,
  writer: string,
  mine: History,
): { readonly address: string; readonly history: History; readonly more: Extras } | null {
  for (const member of t.members) {
    const { address, kind } = member;
    const history = s.lastLook.get(address)?.history;
    if (address === writer || kind !== 'master' || !isSound(member) || history === undefined) continue;
    const more = extras(history, mine);
    if (more.count > 0) return { address, history, more };
  }
  return null;
}

function holdsMore(s: Situation, address: string, than: string): boolean {
  const mine = s.lastLook.get(address);
  const theirs = s.lastLook.get(than);
  return (
    mine !== undefined &&
    theirs !== undefined &&
    extras(mine.history, theirs.history).count > 0 &&
    extras(theirs.history, mine.history).count === 0
  );
}

function linkTrouble(s: Situation, address: string, options: Asked): string | null {
  const link = linkFrom(lookAt(s, address), options.from, s.lastLook.get(options.from));
  if (link === undefined) return `${address} does not replicate from ${options.from}`;
  if (link.sqlError !== '' && link.sql === 'no')
    return `replication on ${address} stopped with an error: ${link.sqlError}`;
  if (!options.planned) {
    const halted = s.topology?.phase === 'halted';
    if (link.sql === 'no' && !link.drained && !halted) return `the SQL thread on ${address} is not running`;
    return null;
  }
  if (link.io !== 'yes' || link.sql !== 'yes') return `replication on ${address} is not running`;
  const { maxLagMs } = s.cluster.policy;
  if (link.lagSeconds === null) return `the lag of ${address} is unknown`;
  if (link.lagSeconds * 1000 > maxLagMs) {
    return `${address} is ${link.lagSeconds} s behind, more than max_lag (${maxLagMs / 1000} s)`;
  }
  return null;
}
