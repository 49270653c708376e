import type { ClusterConfig } from '../config/types.ts';
import { type ClusterStatus, clusterStatus, unknownStatus } from '../core/status.ts';
import { noWriterSince } from '../core/timeline.ts';
import { HubError } from '../errors.ts';
import type { Hub } from '../ports.ts';

/** The picture of one cluster now. Without Redis it is `unknown`, with the reason. */
export async function gather(hub: Hub, cluster: ClusterConfig): Promise<ClusterStatus> {
  const { tag, uniqsign, masters } = cluster;
  try {
    const state = await hub.read(uniqsign);
    const { topology, legacy } = state;
    const named = [...masters, ...(topology?.members ?? []).map(({ address }) => address)];
    const addresses = [...new Set([...named, legacy.active, legacy.passive])].filter(
      (address) => address !== null,
    );
    const checks = await hub.readChecks(uniqsign, addresses);
    const nobodyWrites = topology !== null && topology.writer === null;
    return clusterStatus({
      ...state,
      tag,
      uniqsign,
      masters,
      checks,
      nowEpochMs: Date.now(),
      noWriterSinceEpochMs: nobodyWrites ? noWriterSince(await hub.events(uniqsign, 50)) : null,
      canFence: cluster.fenceCmd !== null,
      writePauseMs: cluster.policy.writePauseMs,
    });
  } catch (error) {
    if (error instanceof HubError) return unknownStatus(tag, uniqsign, error.message);
    throw error;
  }
}
