/** mmm-identify as a program: one loop per cluster, woken by whatever changes in Redis. */
import { loadMmmConfig } from '../config/mmm.ts';
import type { ClusterConfig, MmmConfig } from '../config/types.ts';
import { leaseTimes } from '../core/lease.ts';
import { createExec } from '../system/exec.ts';
import type { DaemonProgram, Runtime } from './boot.ts';
import type { FenceCommand } from './fencer.ts';
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
    const loops = new Map<string, Deciding>();
    for (const cluster of config.clusters) {
      loops.set(
        cluster.uniqsign,
        decideFor(config, cluster, runtime, () => {
          if (unseen.delete(cluster.uniqsign) && unseen.size === 0) runtime.ready();
        }),
      );
    }
    await runtime.hub.watch(
      [...loops.keys()],
      (uniqsign) => loops.get(uniqsign)?.loop.wake(),
      runtime.signal,
    );
    await Promise.all([...loops.values()].map(({ loop }) => loop.done));
    const next = runtime.successor()?.clusters.map((cluster) => cluster.uniqsign) ?? [];
    const left = [...loops].filter(([uniqsign]) => !next.includes(uniqsign));
    // Should Redis not hear it, another one takes over a little later.
    await Promise.allSettled(left.map(([, { resign }]) => resign()));
  },
};

interface Deciding {
  readonly loop: Loop;
  readonly resign: () => Promise<void>;
}

function decideFor(
  config: MmmConfig,
  cluster: ClusterConfig,
  runtime: Runtime<MmmConfig>,
  seen: () => void,
): Deciding {
  const { hub, clock, memory, signal } = runtime;
  const log = runtime.log.forCluster(cluster.tag, cluster.identifyLogfile);
  const identify = createIdentify({
    id: config.state.id,
    cluster: {
      uniqsign: cluster.uniqsign,
      tag: cluster.tag,
      masters: cluster.masters,
      policy: cluster.policy,
      canFence: cluster.fenceCmd !== null,
    },
    topic: config.redis.topic,
    // The next look would come too late.
    repairMs: Math.max(0, cluster.intervalMs - POLL_MS),
    hub,
    clock,
    memory,
    log,
    fenceCommand: fenceCommand(cluster),
    onNews: () => loop.wake(),
  });
  const trouble = createTrouble(log);
  const step = async (): Promise<void> => {
    while ((await identify.step()) && !signal.aborted);
    trouble.over();
    seen();
  };
  const loop = startLoop({ clock, everyMs: () => POLL_MS, step, onError: trouble.report, signal });
  return { loop, resign: identify.resign };
}

function fenceCommand({ fenceCmd, policy }: ClusterConfig): FenceCommand | null {
  if (fenceCmd === null) return null;
  const { run } = createExec({ timeoutMs: leaseTimes(policy.leaseMs).fenceMs });
  return { words: fenceCmd, run };
}
