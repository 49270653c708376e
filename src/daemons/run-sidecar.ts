/** mmm-sidecar as a program. */
import { loadSidecarConfig } from '../config/sidecar.ts';
import type { SidecarConfig } from '../config/types.ts';
import { createExec } from '../system/exec.ts';
import type { DaemonProgram } from './boot.ts';
import { createSidecar } from './sidecar.ts';

export const sidecarProgram: DaemonProgram<SidecarConfig> = {
  name: 'mmm-sidecar',
  load: ({ conf, tags, redis }) => loadSidecarConfig(conf, { tags, ...(redis !== null && { redis }) }),
  async run(config, { hub, clock, memory, log, signal, successor, ready }) {
    const exec = createExec({ timeoutMs: config.commandTimeoutMs });
    const isKept = (uniqsign: string): boolean =>
      successor()?.clusters.some((cluster) => cluster.uniqsign === uniqsign) ?? false;
    const parts = { config, hub, clock, memory, log, run: exec.run };
    await createSidecar({ ...parts, onReady: ready, isKept }).start(signal);
  },
};
