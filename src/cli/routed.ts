import type { ClusterConfig } from '../config/types.ts';
import { HubError } from '../errors.ts';
import type { Hub } from '../ports.ts';
import { createAlarmClock } from './alarm-clock.ts';
import type { Reply } from './ask.ts';

const PATIENCE_MS = 2000;
const POLL_MS = 50;

/** Waits until every live sidecar routes to the new writer; after 2 s a sentence that names those that do not. */
export async function followSidecars(hub: Hub, cluster: ClusterConfig, reply: Reply): Promise<string> {
  const stop = new AbortController();
  const clock = createAlarmClock(stop.signal);
  const start = performance.now();
  try {
    await hub.watch([cluster.uniqsign], clock.ring, stop.signal);
    for (;;) {
      const late = await lateSidecars(hub, cluster, reply.generation);
      if (late.length === 0) return '';
      if (performance.now() - start >= PATIENCE_MS) return `not routed there yet: ${late.join('; ')}`;
      await clock.sleep(POLL_MS);
    }
  } finally {
    stop.abort();
  }
}

/** Registered sidecars that still report, but not that they route at this generation. */
async function lateSidecars(
  hub: Hub,
  cluster: ClusterConfig,
  generation: number,
): Promise<readonly string[]> {
  try {
    const { topology, sidecars } = await hub.read(cluster.uniqsign);
    return sidecars
      .filter(({ id, leaving }) => !leaving && topology?.sidecars.includes(id))
      .filter((report) => report.did !== 'routed' || report.generation < generation)
      .map(({ id, did, detail }) => (did === 'failed' ? `sidecar ${id} (${detail})` : `sidecar ${id}`));
  } catch (error) {
    if (error instanceof HubError) return [`nobody knows which sidecar: ${error.message}`];
    throw error;
  }
}
