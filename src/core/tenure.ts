/**
 * The writer's right to stay open, as the agent beside it counts it.
 *
 * A grant lasts from *before* it was asked for. Whatever else goes on, the ladder that closes the server starts at
 * `deadline - F` and is done by the deadline. A right that was overtaken by a higher generation, or given up, is never
 * extended again, and its deadline stays. Nobody counts on the end of a right that was never granted: it has no deadline.
 */
import type { LeaseTimes } from './lease.ts';
import type { Topology } from './model.ts';

export interface Tenure {
  /** The generation it is the right of. */
  readonly generation: number;
  readonly times: LeaseTimes;
  /** null: not granted yet. */
  readonly deadlineMs: number | null;
  /** The agent found the server open when it started: without a grant by then it closes it. null: it did not. */
  readonly trialUntilMs: number | null;
  /** Overtaken: no grant any more, from anybody. */
  readonly isLost: boolean;
  /** Another agent renews this lease; `sinceMs`: when its counter was last seen to move. */
  readonly foreign: { readonly agent: string; readonly counter: number; readonly sinceMs: number } | null;
}

/** An agent that starts beside a writable server has so long for one grant. */
export const TRIAL_MS = 700;
/** A frozen server that has not closed by then is killed. */
const FROZEN_LADDER_MS = 1000;

export function begin(generation: number, times: LeaseTimes, trialUntilMs: number | null = null): Tenure {
  return { generation, times, deadlineMs: null, trialUntilMs, isLost: false, foreign: null };
}

/** A grant that was asked for at `askedMs`, by Redis or by the peer's server. */
export function granted(tenure: Tenure, askedMs: number): Tenure {
  if (tenure.isLost) return tenure;
  const deadlineMs = Math.max(tenure.deadlineMs ?? Number.NEGATIVE_INFINITY, askedMs + tenure.times.termMs);
  return { ...tenure, deadlineMs, trialUntilMs: null, foreign: null };
}

/** A higher generation exists, or this one was given up. Final. */
export function overtaken(tenure: Tenure): Tenure {
  return { ...tenure, isLost: true };
}

/** This very generation was given up before: an open server is closed at once, unless a term of it still runs. */
export function spentAlready(tenure: Tenure, nowMs: number): Tenure {
  return { ...overtaken(tenure), trialUntilMs: tenure.deadlineMs === null ? nowMs : tenure.trialUntilMs };
}

/** Redis names another agent. Whoever was granted the lease before has lost it by that; others stand aside. */
export function heldBy(tenure: Tenure, agent: string, counter: number, nowMs: number): Tenure {
  if (tenure.deadlineMs !== null) return overtaken(tenure);
  const before = tenure.foreign;
  const isStill = before?.agent === agent && before.counter === counter;
  return { ...tenure, foreign: { agent, counter, sinceMs: isStill ? before.sinceMs : nowMs } };
}

/** Nobody granted anything. While Redis does not answer, it is not known whether the other agent's counter moves. */
export function unanswered(tenure: Tenure, nowMs: number): Tenure {
  return tenure.foreign === null ? tenure : { ...tenure, foreign: { ...tenure.foreign, sinceMs: nowMs } };
}

/** Whether a grant is still to be had: from Redis, or else from the peer. */
export function mayAsk(tenure: Tenure): boolean {
  return !tenure.isLost;
}

/**
 * Whether the peer may be asked in the place of Redis: to go on with a right, or to confirm one that was found. Before
 * Redis has ever given it nobody counts on its end, and a term from the peer would be the only reason to close.
 */
export function mayAskPeer(tenure: Tenure): boolean {
  const isHeld = tenure.deadlineMs !== null || tenure.trialUntilMs !== null;
  return isHeld && !tenure.isLost && tenure.foreign === null;
}

/** How long the dead-man is to sleep; null: nothing is armed so late, the ladder is due. */
export function armMs(tenure: Tenure, nowMs: number): number | null {
  if (tenure.deadlineMs === null) return null;
  const { fenceMs } = tenure.times;
  return nowMs > tenure.deadlineMs - fenceMs ? null : tenure.deadlineMs - fenceMs / 2 - nowMs;
}

/** When the server must be closed, and why. */
export interface Due {
  readonly atMs: number;
  readonly why: string;
}

/** null: there is nothing to be kept. */
export function ladderDue(tenure: Tenure): Due | null {
  const { deadlineMs, trialUntilMs, foreign, times } = tenure;
  if (deadlineMs !== null) {
    return { atMs: deadlineMs - times.fenceMs, why: 'its lease could not be renewed in time' };
  }
  if (foreign !== null) {
    const why = `agent ${foreign.agent} holds its lease and has not renewed it for ${Math.round(times.waitMs)} ms`;
    return { atMs: foreign.sinceMs + times.waitMs, why };
  }
  if (trialUntilMs === null) return null;
  return { atMs: trialUntilMs, why: 'it was found open, and nobody confirmed that it may be' };
}

/** `silentSinceMs`: since when the server has answered nothing; null: it answers. */
export function frozenDue(silentSinceMs: number | null, freezeMs: number): Due | null {
  return silentSinceMs === null
    ? null
    : { atMs: silentSinceMs + freezeMs, why: `it has answered nothing for ${freezeMs} ms` };
}

/** When a ladder that started at `startedMs` gives way to SIGKILL. `frozen`: why it started, if so. */
export function killAtMs(tenure: Tenure, startedMs: number, frozen: Due | null): number {
  const { deadlineMs, times } = tenure;
  const quarterMs = times.fenceMs / 4;
  const byRightMs =
    deadlineMs === null ? startedMs + times.fenceMs : Math.max(deadlineMs - quarterMs, startedMs + quarterMs);
  return frozen === null
    ? byRightMs
    : Math.min(byRightMs, Math.max(frozen.atMs, startedMs) + FROZEN_LADDER_MS);
}

/** What an agent knows that finds a writable server when it starts. */
export interface Past {
  /** The generation at which it last opened that server; 0: never. */
  readonly spent: number;
  /** The topology it kept when it last held a lease; null: it never did. */
  readonly kept: Topology | null;
  /** What Redis holds; null: not read yet. */
  readonly topology: Topology | null;
}

/**
 * The generation at which a server that was found writable has to be confirmed within TRIAL_MS. null: it never had a
 * lease, nobody counts on its being closed, and it is left as it is.
 */
export function onTrial(address: string, past: Past): number | null {
  if (past.kept === null) return null;
  const names = [past.topology, past.kept].filter((t) => t !== null && mayWrite(t, address));
  return Math.max(past.spent, ...names.map((t) => t?.generation ?? 0));
}

/** Whether the topology lets this member take writes, or is about to. */
export function mayWrite(t: Topology, address: string): boolean {
  return t.phase === 'stable' ? t.writer === address : t.phase === 'opening' && t.to === address;
}
