/** mmm-monitor as a program: one loop per member, woken when a connection breaks. */
import { loadMmmConfig } from '../config/mmm.ts';
import type { ClusterConfig, MmmConfig } from '../config/types.ts';
import { createServer } from '../mysql/server.ts';
import type { Server } from '../ports.ts';
import type { DaemonProgram, Runtime } from './boot.ts';
import { type Loop, startLoop } from './loop.ts';
import { createMonitor } from './monitor.ts';
import { createTrouble } from './trouble.ts';

export const monitorProgram: DaemonProgram<MmmConfig> = {
  name: 'mmm-monitor',
  load: ({ conf, tags, redis }) => loadMmmConfig(conf, { tags, ...(redis !== null && { redis }) }),
  logFiles: ({ clusters }) => clusters.map(({ monitorLogfile }) => monitorLogfile),
  async run(config, runtime) {
    const unseen = new Set(config.clusters.flatMap((c) => c.masters.map((a) => `${c.uniqsign} ${a}`)));
    const seen = (uniqsign: string, address: string): void => {
      if (unseen.delete(`${uniqsign} ${address}`) && unseen.size === 0) runtime.ready();
    };
    await Promise.all(config.clusters.map((cluster) => watchCluster(config, cluster, runtime, seen)));
  },
};

async function watchCluster(
  config: MmmConfig,
  cluster: ClusterConfig,
  runtime: Runtime,
  seen: (uniqsign: string, address: string) => void,
): Promise<void> {
  const { clock, signal } = runtime;
  const log = runtime.log.forCluster(cluster.tag, cluster.monitorLogfile);
  const loops: Loop[] = [];
  // Whoever is lost concerns everybody: the peer's link is the second witness.
  const wakeAll = (): void => {
    for (const loop of loops) loop.wake();
  };
  const servers = new Map(cluster.masters.map((address) => [address, connectTo(cluster, address, wakeAll)]));
  const monitor = createMonitor({
    id: config.state.id,
    cluster: {
      ...cluster,
      probeIntervalMs: cluster.policy.probeIntervalMs,
      confirmMs: cluster.policy.confirmMs,
    },
    hub: runtime.hub,
    clock,
    log,
    servers,
  });
  for (const address of cluster.masters) {
    const trouble = createTrouble(log);
    let everyMs = cluster.policy.probeIntervalMs;
    const step = async (): Promise<void> => {
      everyMs = await monitor.probe(address);
      trouble.over();
      seen(cluster.uniqsign, address);
    };
    loops.push(startLoop({ clock, everyMs: () => everyMs, step, onError: trouble.report, signal }));
  }
  await Promise.all(loops.map((loop) => loop.done));
  for (const server of servers.values()) server.end();
}

function connectTo(cluster: ClusterConfig, address: string, onLost: () => void): Server {
  const { user, password, database, charset, connectTimeoutMs, excludeUsers } = cluster;
  return createServer({
    address,
    user,
    password,
    database: database ?? '',
    charset,
    connectTimeoutMs,
    excludeUsers,
    onLost,
  });
}
