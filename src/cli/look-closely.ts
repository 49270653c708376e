import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterConfig } from '../config/types.ts';
import { FRESH_MS, type Situation } from '../core/situation.ts';
import { phaseSince } from '../core/timeline.ts';
import { observe, type Watch } from '../core/watch.ts';
import type { ClusterState, Hub } from '../ports.ts';

/** Whoever reports each second has done so twice. */
const WATCH_MS = 2500;
const EVERY_MS = 250;

/** What identify knows of a cluster, seen with our own eyes. */
export interface CloseLook {
  readonly situation: Situation;
  readonly state: ClusterState;
  readonly watchedMs: number;
}

/**
 * Reads a cluster again and again for some seconds, as identify does, so that live reports can be told from dead
 * ones. Rejects with HubError.
 */
export async function lookClosely(hub: Hub, cluster: ClusterConfig): Promise<CloseLook> {
  const { uniqsign, tag, masters, policy, fenceCmd } = cluster;
  const startMs = performance.now();
  let watch: Watch | null = null;
  for (;;) {
    const state = await hub.read(uniqsign);
    const nowMs = performance.now();
    const seen = observe(
      watch,
      { ...state, legacyWriter: state.legacy.masterHost },
      { cluster: { uniqsign, tag, masters, policy, canFence: fenceCmd !== null }, floor: 0, nowMs },
    );
    watch = seen.watch;
    if (nowMs - startMs >= WATCH_MS) {
      const situation = await asOneThatRuns(hub, state, seen.situation);
      return { situation, state, watchedMs: nowMs - startMs };
    }
    await sleep(EVERY_MS);
  }
}

/** An identify that runs has watched for longer than we: what it waits for at its start is over. */
async function asOneThatRuns(hub: Hub, state: ClusterState, situation: Situation): Promise<Situation> {
  const watchedMs = Math.max(situation.watchedMs, FRESH_MS);
  if (state.topology === null) return { ...situation, watchedMs };
  const since = phaseSince(await hub.events(state.topology.uniqsign, 50), state.topology);
  const ageMs = since === null ? 0 : state.redisNowMs - since;
  return { ...situation, watchedMs, phaseMs: Math.max(situation.phaseMs, ageMs) };
}
