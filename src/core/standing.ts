/**
 * How well members stand: for how long each has been online, and how often it went offline lately. Measured by our own
 * stopwatch alone; what a fresh identify cannot know makes it wait longer, never shorter.
 */
import type { MemberState, Topology } from './model.ts';
import { type Since, since } from './since.ts';
import type { Cluster, Health } from './situation.ts';

export interface Standing {
  /** Since when a member has been online; what: the generation. */
  readonly online: ReadonlyMap<string, Since<string>>;
  /** When each member was seen going offline, within `flap_duration`. */
  readonly outages: ReadonlyMap<string, readonly number[]>;
  /** The members' states as last read. */
  readonly states: ReadonlyMap<string, MemberState>;
}

interface Seen {
  readonly topology: Topology | null;
  readonly health: ReadonlyMap<string, Health>;
  readonly cluster: Cluster;
  readonly nowMs: number;
}

/** Takes in a reading. */
export function standingOf(previous: Standing | null, seen: Seen): Standing {
  return {
    online: onlineSince(previous, seen),
    outages: outagesOf(previous, seen),
    states: statesOf(previous, seen),
  };
}

function onlineSince(
  previous: Standing | null,
  { topology: t, health, nowMs }: Seen,
): ReadonlyMap<string, Since<string>> {
  const found = new Map<string, Since<string>>();
  if (t?.phase !== 'stable' || t.paused !== null) return found;
  for (const { address, state } of t.members) {
    if (state !== 'online' || health.get(address)?.status !== 'up') continue;
    found.set(address, since(previous?.online.get(address), `${t.generation}`, nowMs));
  }
  return found;
}

/**
 * Nobody else's clock is asked, so whoever did not see the outages of a flapping member (a fresh identify, or a second
 * one) does not know when they were: it counts them from now, which can only make the member wait longer. Two that
 * count differently would contradict each other for ever.
 */
function outagesOf(
  previous: Standing | null,
  { topology: t, cluster, nowMs }: Seen,
): ReadonlyMap<string, readonly number[]> {
  const { flapCount, flapMs } = cluster.policy;
  const found = new Map<string, readonly number[]>();
  for (const address of cluster.masters) {
    const state = t?.members.find((m) => m.address === address)?.state;
    const before = previous?.states.get(address);
    const isTold = state === 'flapping' && before !== 'flapping';
    const news = isTold ? flapCount : state === 'offline' && before !== 'offline' ? 1 : 0;
    // A person has looked after it, or the member has been quiet for long enough.
    const isOver =
      (state === 'online' && before === 'flapping') || (state !== 'maintenance' && before === 'maintenance');
    const recent = isOver ? [] : (previous?.outages.get(address) ?? []).filter((ms) => nowMs - ms < flapMs);
    found.set(address, [...recent, ...Array.from({ length: news }, () => nowMs)].slice(-flapCount));
  }
  return found;
}

function statesOf(previous: Standing | null, { topology: t }: Seen): ReadonlyMap<string, MemberState> {
  const states = new Map(previous?.states);
  for (const { address, state } of t?.members ?? []) states.set(address, state);
  return states;
}
