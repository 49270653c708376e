/** mmm-identify as a program: one loop per cluster, woken by whatever changes in Redis. */
import { loadMmmConfig } from '../config/mmm.ts';
import type { ClusterConfig, MmmConfig } from '../config/types.ts';
import type { DaemonProgram, Runtime } from './boot.ts';
import { createIdentify } from './identify.ts';
import { type Loop, startLoop } from './loop.ts';
import { createTrouble } from './trouble.ts';

/** How often to look although nobody gave a hint. */
const POLL_MS = 250;

export const identifyProgram: DaemonProgram<MmmConfig> = {
  name: 'mmm-identify',
  load: ({ conf, tags, redis }) => loadMmmConfig(conf, { tags, ...(redis !== null && { redis }) }),
  logFiles: ({ clusters }) => clusters.map(({ identifyLogfile }) => identifyLogfile),
  async run(config, runtime) {
    const unseen = new Set(config.clusters.map((c) => c.uniqsign));
    const loops = new Map<string, Loop>();
    for (const cluster of config.clusters) {
      loops.set(
        cluster.uniqsign,
        decideFor(config, cluster, runtime, () => {
          if (unseen.delete(cluster.uniqsign) && unseen.size === 0) runtime.ready();
        }),
      );
    }
    await runtime.hub.watch([...loops.keys()], (uniqsign) => loops.get(uniqsign)?.wake(), runtime.signal);
    await Promise.all([...loops.values()].map((loop) => loop.done));
  },
};

function decideFor(config: MmmConfig, cluster: ClusterConfig, runtime: Runtime, seen: () => void): Loop {
  const { hub, clock, memory, signal } = runtime;
  const log = runtime.log.forCluster(cluster.tag, cluster.identifyLogfile);
  const identify = createIdentify({
    cluster: {
      uniqsign: cluster.uniqsign,
      tag: cluster.tag,
      masters: cluster.masters,
      policy: cluster.policy,
    },
    topic: config.redis.topic,
    // The next look would come too late.
    repairMs: Math.max(0, cluster.intervalMs - POLL_MS),
    hub,
    clock,
    memory,
    log,
  });
  const trouble = createTrouble(log);
  const step = async (): Promise<void> => {
    while ((await identify.step()) && !signal.aborted);
    trouble.over();
    seen();
  };
  return startLoop({ clock, everyMs: () => POLL_MS, step, onError: trouble.report, signal });
}
